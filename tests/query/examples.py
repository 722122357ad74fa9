"""Worked examples of the query language: a question and the query that answers it."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "Q01": (
        "images pulled more than 30 days ago and not used since",
        "refs pulled before 30d not used since 30d",
    ),
    "Q02": (
        "images never used since they were pulled, and not pinned",
        "refs used:never not is:pinned",
    ),
    "Q03": ("everything tagged latest", "refs tag:latest"),
    "Q04": ("all alpine images, whatever the registry", "refs alpine"),
    "Q05": (
        "images in linuxkit/ or grafana/ on docker.io or quay.io",
        "refs repo:linuxkit/*,grafana/* registry:docker.io,quay.io",
    ),
    "Q06": ("images missing linux/arm64", "refs is:multiarch not platform:linux/arm64"),
    "Q07": (
        "images that have both amd64 and arm64 but not riscv64",
        "refs arch:amd64 arch:arm64 not arch:riscv64",
    ),
    "Q08": (
        "images complete for linux/arm64 (declared and all its content present)",
        "refs any manifest(platform:linux/arm64 is:complete)",
    ),
    "Q09": ("broken images: something they contain is missing or corrupt", "refs is:broken"),
    "Q10": (
        "indexes whose child manifest blobs are missing",
        "indexes any child(kind:manifest is:missing)",
    ),
    "Q11": (
        "what would removing this image free (the blobs)",
        "blobs exclusive(docker.io/library/busybox:latest) sort -size",
    ),
    "Q12": (
        "how much would removing all tmp/ images free",
        "blobs exclusive(repo:tmp/*) group kind show kind,count,sum.size sort -sum.size",
    ),
    "Q13": ("which images share this layer", "refs refs(sha256:6b86b273)"),
    "Q14": (
        "why is blob D kept (its whole ancestry)",
        "blobs ancestors(sha256:6b86b273) show digest,kind limit 20",
    ),
    "Q15": (
        "top 10 repositories by exclusive size",
        "refs group repo show repo,count,total,exclusive sort -exclusive limit 10",
    ),
    "Q16": (
        "top 10 images by exclusive size",
        "refs sort -exclusive limit 10 show name,size,exclusive",
    ),
    "Q17": ("images containing openssl older than 3.0.14", "refs pkg:openssl lt 3.0.14"),
    "Q18": (
        "images with log4j-core 2.0 to 2.1 or any GPL-3 package and no label retention=keep",
        "refs (pkg:log4j-core=2.0..2.1 or license:GPL-3*) not label:retention=keep",
    ),
    "Q19": ("attestations and signatures whose subject is gone", "blobs is:dangling"),
    "Q20": (
        "images whose config architecture disagrees with the descriptor platform",
        "refs any manifest(any link(is:mismatched))",
    ),
    "Q21": (
        "unreferenced blobs over 100 MB",
        "blobs is:garbage size gt 100M sort -size",
    ),
    "Q22": ("total garbage by kind", "blobs is:garbage group kind show kind,count,sum.size"),
    "Q23": (
        "layers used by more than 500 manifests",
        "layers count parent gt 500 sort -size show digest,size,refs",
    ),
    "Q24": (
        "images with more than 60 layers in one manifest",
        "refs any manifest(count child(kind:layer) gt 60)",
    ),
    "Q25": (
        "images built from 2026 on, with vendor Acme",
        "refs created:2026.. label:org.opencontainers.image.vendor=Acme",
    ),
    "Q26": ("images without any vendor label", "refs not label:org.opencontainers.image.vendor"),
    "Q27": (
        "images whose entrypoint is not /bin/sh in any platform",
        "refs not entrypoint:/bin/sh",
    ),
    "Q28": (
        "every platform of the image runs /app",
        "refs all config(entrypoint:/app) any config(entrypoint:/app)",
    ),
    "Q29": (
        "images with a single layer over 1 GB, largest first",
        "refs layer.size gt 1G sort -size limit 20 show name,size",
    ),
    "Q30": (
        "images whose total size is between 500 MB and 1 GB and that are tagged v1.*",
        "refs tag:v1.* size:500M..1G",
    ),
    "Q31": ("signed images", "refs is:signed"),
    "Q32": ("unsigned images in acme/", "refs repo:acme/* not is:signed"),
    "Q33": ("the signatures of one image", "blobs referrers(docker.io/library/busybox:latest)"),
    "Q34": (
        "layers shared by alpine and busybox images",
        "layers blobs(repo:library/alpine) blobs(repo:library/busybox)",
    ),
    "Q35": ("images added this month from a build", "refs added:2026-11.. source:build"),
    "Q36": (
        "images by registry: how many, how big, last use",
        "refs group registry show registry,count,total,max.used sort -total",
    ),
    "Q37": (
        "blobs by media type",
        "blobs group type show type,count,sum.size,max.size sort -sum.size",
    ),
    "Q38": ("saved query: stale, but not in production", "refs @stale not @prod"),
    "Q39": (
        "SBOM: packages in the busybox images under GPL",
        "packages packages(repo:library/busybox) license:GPL* sort name,version",
    ),
    "Q40": (
        "which packages named openssl are in the cache, by version",
        "packages name:openssl sort version show name,version,purl",
    ),
    "Q41": ("images of which no platform carries an SBOM package list", "refs no package"),
    "Q42": ("the descriptors (links) declaring windows", "links os:windows role:manifest"),
    "Q43": (
        "retention: keep pinned, prod, or used within 90 days",
        "refs is:pinned or @prod or used since 90d",
    ),
    "Q44": (
        "dry-run of the GC: blobs that dropping stale images would free",
        "blobs exclusive(@stale) group kind show kind,count,sum.size",
    ),
    "Q45": ("digest prefix", "blobs 6b86b273"),
    "Q46": (
        "tags that look like commit hashes, by regular expression",
        "refs tag~'^sha-[0-9a-f]{7}$'",
    ),
    "Q47": (
        "v1 images older than 1 year sorted by last use, oldest first (never used last)",
        "refs tag starts v1. added before 1y sort used limit 50 show name,used,added",
    ),
    "Q48": (
        "everything but the 5 most recently added tags of each repository",
        "refs not top 5 by -added per registry,repo",
    ),
    "Q49": (
        "keep latest, pinned, the 3 newest v-tags per repository and all that was used in 90 days",
        (
            "refs tag:latest or is:pinned or used since 90d "
            "or top 3 by -added per registry,repo of (tag starts v)"
        ),
    ),
    "Q50": ("the single biggest layer of each media type", "layers top 1 by -size per type"),
    "Q51": ("how many layers, and how large", "layers show count,total,max.size"),
    "Q52": ("how many of nothing", "refs nothing show count,total"),
}
