"""Shapes that other tools give a question, as the words that they stand for.

Each rule replaces the syntax of one family of tools: options, docker, registries, packages,
searches of GitHub, jq, SQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.tools.rewrite import phrases, shapes, words
from cachedb.query.vocabulary import FIELD_NAMES, KEYED_FIELDS

if TYPE_CHECKING:
    from re import Match

_KEYED: Final = (
    r"(?<![\w/-])\.?(?:config\.)?(label|env|annotation)s?"
    r"(?:\.([\w.-]+)|\[['\"]([^'\"]+)['\"]\])\s*(?:==?|:)\s*(['\"]?)([^\s'\"]+)\4"
)
_SHELL: Final = (
    # find . -name 'a*' -size +100M -mtime +30
    (r"^\s*find\s+/\s+(?=-)", "files "),
    (r"^\s*find\s+(/[\w./-]+)\s+(?=-)", r"files path:\1/** "),
    (r"^\s*find\s+([a-z][\w./:-]*)\s+(?=-)", r"files of \1 "),
    (r"^\s*find(?:\s+[.~]\S*)?(?=\s+-)", ""),
    (r"^(files.*)(?<!\S)-[acm]time\s+\+(\d+)", r"\1modified before \2d"),
    (r"^(files.*)(?<!\S)-[acm]time\s+-(\d+)", r"\1modified since \2d"),
    (r"^(files.*)(?<!\S)-newer[acm]t\s+(['\"]?)([\w:-]+)\2", r"\1modified since \3"),
    (r"(?<!\S)-newer[acm]t\s+(['\"]?)([\w:-]+)\1", r"created since \2"),
    (r"^(files.*)(?<!\S)-type\s+f(?!\S)", r"\1type:file"),
    (r"^(files.*)(?<!\S)-type\s+d(?!\S)", r"\1type:directory"),
    (r"^(files.*)(?<!\S)-type\s+l(?!\S)", r"\1type:symlink"),
    (r"(?<!\S)-type\s+[fdl](?!\S)", " "),
    (r"(?<!\S)-perm\s+[-/](?:4000|u[+=]s)(?!\S)", "is:setuid"),
    (r"(?<!\S)-perm\s+[-/](?:2000|g[+=]s)(?!\S)", "is:setgid"),
    (r"(?<!\S)-perm\s+[-/](?:0?002|o[+=]w)(?!\S)", "is:writable"),
    (r"(?<!\S)-user\s+(?:root|0)(?!\S)", "uid:0"),
    (r"(?<!\S)-uid\s+(\d+)(?!\S)", r"uid:\1"),
    (r"(?<!\S)-i?name\s+(['\"]?)(\S+)\1(?!\S)", r"name:\2"),
    (r"(?<!\S)-size\s+\+", "size > "),
    (r"(?<!\S)-size\s+-", "size < "),
    (r"(?<!\S)-[acm]time\s+\+(\d+)", r"created before \1d"),
    (r"(?<!\S)-[acm]time\s+-(\d+)", r"created since \1d"),
    # ls -lS, ls -lt
    (r"^\s*ls\s+-\w*(?-i:S)\w*\s*$", "sort by size desc"),
    (r"^\s*ls\s+-\w*(?-i:t)\w*\s*$", "sort by created desc"),
    (r"^\s*ls\s+-\w+(?=\s|$)", "list"),
    # nginx | grep latest | sort -k size -r | head -3, nginx | wc -l
    (r"^(.*?)(?:\|\s*)?\bwc\s+-l\s*$", r"count \1"),
    (r"\|\s*[ef]?grep\s+(?:-\w+\s+)?(['\"]?)([\w./-]+)\1", r" name like %\2%"),
    (r"\s*\|\s*(?=(?:head|tail|sort)\b)", " "),
    (r"\bsort\s+(?=-\w*r|.*\s-r\b)(?:-r\s+)?-\w*k\s*(\w+)(?:\s+-r)?", r"sort by \1 desc"),
    (r"\bsort\s+-k\s*(\w+)", r"sort by \1"),
)
_LISTINGS: Final = (
    (r"(?:^|\s)(?:-q|--quiet)(?=\s|$)", " show digest "),
    (r"(?:^|\s)--digests(?=\s|$)", " show name,digest "),
    (r"(?:^|\s)--no-trunc(?=\s|$)", " "),
    (r"(?:^|\s)(?:-o|--output|--format)[ =]+(?:json|jsonl|wide|yaml|name|table)(?=\s|$)", " "),
)
_SELECTORS: Final = (
    # kubectl: -l app=web, -l 'app in (web,api)', --field-selector metadata.name=nginx
    (r"(?:^|\s)--field-selector[ =]+", " "),
    (r"\bmetadata\.(?=name\b)", ""),
    (r"\.?\bmetadata\.creationTimestamp\b", "created"),
    (
        r"(?:^|\s)(?:-l|--selector)[ =]+(['\"]?)([\w./-]+)\s+(?:notin|not\s+in)\s+\(([^)]*)\)\1",
        lambda found: f" not label={found[2]}={''.join(found[3].split())}",
    ),
    (
        r"(?:^|(?<!dpkg)\s)(?:-l|--selector)[ =]+(['\"]?)([\w./-]+)\s+in\s+\(([^)]*)\)\1",
        lambda found: f" label={found[2]}={''.join(found[3].split())}",
    ),
    (
        r"(?:^|(?<!dpkg)\s)(?:-l|--selector)[ =]+(['\"]?)([\w./-]+)\s*!=\s*(\S+?)\1(?=\s|$)",
        r" not label=\2=\3",
    ),
    (
        r"(?:^|(?<!dpkg)\s)(?:-l|--selector)[ =]+(['\"]?)([\w./-]+)\s*==?\s*(\S+?)\1(?=\s|$)",
        r" label=\2=\3",
    ),
    (r"(?:^|(?<!dpkg)\s)(?:-l|--selector)[ =]+(['\"]?)!\s*([\w./-]+)\1(?=\s|$)", r" not label=\2"),
    (r"(?:^|(?<!dpkg)\s)(?:-l|--selector)[ =]+(['\"]?)([\w./-]+)\1(?=\s|$)", r" label=\2"),
    # labels->>'team' = 'web'
    (r"(?<![\w/-])(label|env|annotation)s?\s*->>?\s*['\"]([\w./-]+)['\"]", r"\1.\2"),
    # labels.team=web, .config.Labels.team == "web", Labels["team"] = "web"
    (_KEYED, lambda found: f"{found[1].lower()}={found[2] or found[3]}={found[5]}"),
    # db.images.find({arch: "arm64"}), arch: arm64
    (r"^\s*db\.(\w+)\.find\(\{(.*)\}\)\s*$", r"\1 \2"),
    (r"(?<![\w.:/-])([a-z]+):\s+(?=\S)", r"\1 = "),
)
_OPTIONS: Final = (
    # --filter dangling=true, -f label=a, --filter "label=a"
    (r"(?:^|\s)(?:--filter|-f)[ =]+(['\"]?)(.*?)\1(?=\s|$)", r" \2 "),
    (r"^\s*filter=(?=\S)", ""),
    # -n 5, --limit=5, --last 5
    (r"(?:^|\s)(?:-n|--limit|--last|--max-count|head\s+-?n?|tail\s+-?n?)[ =]*(?=\d)", " limit "),
    (r"(?:^|\s)(?:-r|--reverse|--all|-a)(?=\s|$)", " "),
    # --sort=size, --sort-by -size, --order-by size
    (r"(?:^|\s)--(?:sort|order)(?:-by)?[ =]+\.?", " sort "),
    (r"\bsort (-?\w+):(asc|desc)\w*", r"sort \1 \2"),
    # --since=2.weeks, --until yesterday
    (r"(?:^|\s)--(since|until|before|after)[ =]+", r" created \1 "),
    (r"\bcreated until\b", "created before"),
    (r"(?<=\d)\.(?=(?:minute|hour|day|week|month|year)s?\b)", " "),
)
_TOOLS: Final = r"docker|podman|nerdctl|crictl|ctr|skopeo|crane|regctl|oras|umoci|linuxkit"
_COMMANDS: Final = (
    (r"^\s*(?:sudo\s+)?(?:cachedb\s+(?:query\s+)?|linuxkit\s+cache\s+)", ""),
    # docker system df, du
    (
        r"^\s*(?:(?:docker|podman)\s+)?(?:system\s+)?(?:df|du|disk\s+usage)(?:\s+-\w+)*\s*$",
        "total size",
    ),
    # skopeo list-tags docker://nginx, crane ls nginx
    (r"^\s*(?:skopeo\s+list-tags|(?:crane|regctl\s+tag|oras\s+repo)\s+(?:ls|tags))\b", "tags of"),
    # crane digest nginx, regctl image digest nginx
    (r"^\s*(?:crane|regctl\s+image)\s+digest\s+(\S+)\s*$", r"list \1 show digest"),
    (r"^\s*crane\s+manifest\s+|^\s*oras\s+manifest\s+fetch\s+", "list "),
    (r"^\s*(?:crane|regctl\s+image|skopeo\s+inspect)\s+(?:--)?config\s+", "configs of "),
    (r"^\s*(?:oras\s+discover|regctl\s+artifact\s+list|cosign\s+tree)\s+", "referrers of "),
    # kubectl get images
    (r"^\s*(?:kubectl|oc)\s+(?=get\b)", ""),
    (r"^\s*get\s+(?=\w)", ""),
    (r"(?<!\S)-A(?!\S)|(?<!\S)--noheadings?(?!\S)", " "),
    # docker images --format '{{.Repository}}:{{.Tag}}'
    (r"--format[ =](['\"])((?:[^'\"]*\{\{\.\w+\}\})+[^'\"]*)\1", shapes.columns_of_template),
    (r"^\s*tags?\s+(?:ls|list|for)\s+(?=\S)", "tags of "),
    (r"^\s*(?:crane\s+catalog|regctl\s+repo\s+ls)\s*$", "repositories"),
    (r"^\s*regctl\s+repo\s+ls\s+(\S+)\s*$", r"registry = \1"),
    # docker image ls, podman images, cachedb ls
    (rf"^\s*(?:{_TOOLS})\s+(?:images?|manifest|blob)\s+", "images "),
    (rf"^\s*(?:{_TOOLS})\s+(?=images\b|ls\b|list\b|inspect\b)", ""),
    (r"^\s*(?:images?\s+)?(?:ls|list|inspect|info|describe)\b", "list"),
    (rf"^\s*(?:(?:{_TOOLS})\s+)?(?:search|grep)\s+([\w./-]+)\s*$", r"name like %\1%"),
    (r"(?<!\S)(?:docker|docker-daemon|containers-storage)://?(?=\w)", ""),
    # dnf provides /bin/ls, dpkg -S /bin/ls
    (r"^\s*(?:dnf|yum|zypper)\s+(?:what)?provides\s+", "refs file "),
    (r"^\s*(?:rpm\s+-qf|dpkg\s+-S|pacman\s+-Qo)\s+", "refs file "),
    (r"^\s*(?:apt-file\s+search|apk\s+info\s+--who-owns)\s+", "refs file "),
    (r"^\s*(?:apt|apt-cache|dnf|yum|apk)\s+search\s+(\S+)", r"packages name like %\1%"),
    # rpm -qa openssl, dpkg -l, apt list --installed
    (r"^\s*(?:rpm\s+-qa?|dpkg\s+(?:-l|--list)|pacman\s+-Q)(?=\s|$)", "packages"),
    (
        r"^\s*(?:apt|dnf|yum|pip|apk)\s+(?:list|info|show)(?:\s+(?:--)?installed)?(?=\s|$)",
        "packages",
    ),
)
_SEARCHES: Final = (
    # gmail: larger:10M, older_than:30d, before:2024/01/01, has:label, from:docker.io
    (r"(?<!\S)(-?)larger:", r"\1size:>"),
    (r"(?<!\S)(-?)smaller:", r"\1size:<"),
    (r"(?<!\S)(older|newer)_than:", r"\1 than "),
    (r"(?<!\S)(before|after):(\d{4})[/-](\d\d?)[/-](\d\d?)(?!\S)", r"created \1 \2-\3-\4"),
    (r"(?<!\S)-has:", "without "),
    (r"(?<!\S)has:", "with "),
    (r"(?<!\S)from:(?=[\w-]+\.)", "registry:"),
    # _exists_:label.maintainer, NOT _exists_:pulled
    (r"(?<!\S)(?:not\s+_exists_:|-_exists_:)(?:labels?\.)([\w.-]+)", r"not label \1"),
    (r"(?<!\S)(?:not\s+_exists_:|-_exists_:)(\w[\w.]*)", r"without \1"),
    (r"(?<!\S)_exists_:(?:labels?\.)([\w.-]+)", r"label \1"),
    (r"(?<!\S)_exists_:(\w+)", r"with \1"),
    (r"(?<!\S)no:(?=[a-z])", "without "),
    (r"(?<!\S)in:tag\s+(\S+)", r"tag like %\1%"),
    (r"(?<!\S)\+(?=[a-z]+[:=])", ""),
    # arch:(amd64 OR arm64), arch in [a, b], size:[1M TO *]
    (r"\b([a-z]+)\s*:\s*\(\s*([\w./*-]+(?:\s+or\s+[\w./*-]+)+)\s*\)", shapes.alternatives),
    (r"\b([a-z]+)\s*:\s*[\[{]\s*(\S+)\s+to\s+([^\s\]}]+)\s*[\]}]", shapes.span),
    (r"\b([a-z]+)\s+(not\s*)?in\s*\[([^\]]*)\]", r"\1 \2in (\3)"),
    (r"\b([a-z]+)\s+(not\s+)?in\s+([\w./*-]+(?:\s*,\s*[\w./*-]+)+)", r"\1 \2in (\3)"),
    (r"\bnotin\b", "not in"),
    # arch:a|b, arch:a;b, arch:a,arch:b
    (
        r"\b([a-z]+:[\w./*-]+(?:[|;][\w./*-]+)+)(?!\S)",
        lambda found: shapes.SEPARATOR.sub(",", found[1]),
    ),
    (r"\b([a-z]+)([:=])([\w./*-]+),\1\2", r"\1:\3,"),
    # label[foo]=bar, label:foo:bar, pkg:openssl@3.0.2, pkg:openssl-3.0.2
    (r"\b(label|env|annotation)s?\[([\w./-]+)\]\s*(?==|:)", r"\1:\2"),
    (r"\b(label|env|annotation):([\w.-]+):(?=\w)", r"\1:\2="),
    (r"\b(label|env|annotation)\s+([\w./-]+)\s+(?:is|=)\s+(?=\w)", r"\1 \2="),
    (r"\bpkg:([a-z][\w.+-]*?)[:@-](?=\d)", r"pkg:\1="),
    (r"(?<!\S)pkg:([a-z]+/[\w./%-]+)(?!\S)", r"packages purl:pkg:\1@*"),
    (r"(?<![\w.:/-])([a-z][\w.+-]*)(?:@|==)(?=\d[\w.+-]*(?:\s|$))", r"with \1 = "),
    (r"\bpkg\s*[:=]\s*([a-z][\w.+-]*)\s+version\s*(?=[<>=!])", r"with \1 "),
    (r"(?<!\S)@(?=[a-z][a-z.]*:)", ""),
    # is:unsigned, is:!signed, is_signed, isSigned, signed=true
    (r"(?<!\S)(?:is:(?:!|not-|not_)|not:)(?=[a-z])", "not "),
    (r"(?<!\S)is[:_]([\w-]+)(?!\S)", shapes.flag),
    (r"(?<!\S)is(?=[A-Z])(\w+)(?!\S)", lambda found: found[1].lower()),
    (r"(?<!\S)([a-z]+)\s*(?:==?|:)\s*(?:true|yes|1)(?!\S)", shapes.flag_of_boolean),
    (r"(?<!\S)([a-z]+)\s*(?:==?|:)\s*(?:false|no|0)(?!\S)", shapes.no_flag_of_boolean),
    (
        r"(?<!\S)(?:state|status|health)\s*(?:==?|:)\s*(broken|complete|partial|incomplete)(?!\S)",
        r"\1",
    ),
    # layers(nginx), size(nginx), sum(layers.size), sort=size, skip 2
    (
        r"\b(layers|manifests|indexes|configs|attestations|size|created|digest|tags)\(([\w./:@-]+)\)",
        r"\1 of \2",
    ),
    (r"\bcount\((?!count\b)([\w./:@-]+)\)(?!\s*[<>=!])", shapes.counted),
    (r"\b(sum|max|min|avg)\((layers|images|refs|blobs|packages|files)\.(\w+)\)", r"\1 \3 of \2"),
    (r"(?<!\S)sort\s*[=:]\s*(-?\w+)(?!\S)", r"sort \1"),
    (r"(?<!\S)(?:skip|offset)\s*=?\s*(?=\d)", "offset = "),
    # layers | sort by size desc | take 5, images | summarize count() by arch
    (r"\|\s*(?:stats|summarize|aggregate)\b", " "),
    (r"^\s*stats\s+(?=count\b)", ""),
    (r"\|\s*(?:project|fields|table|select)\s+(?=\w)", " show "),
    (r"\|\s*(?:take|head|limit)\s+(?=\d)", " limit "),
    (r"\|\s*(?=(?:where|sort|order|count|top|limit|search)\b)", " "),
    (r"\bcount\(\)\s+(?=by\b)", "count "),
    (
        r"\b(count|sum|avg|min|max)\s+(by|per)\s*\(\s*(\w+)\s*\)(?:\s*\(\s*(\w+)\s*\))?",
        r"\1 \4 \2 \3",
    ),
    (r"\btopk\(\s*(\d+)\s*,\s*(\w+)\s*\)", r"top \1 by \2"),
    # created:2023*
    (r"\b(created|added|pulled|used|modified):(\d{4}(?:-\d\d)?)-?\*(?!\S)", r"\1:\2"),
    # size:>1GB, created:<=2024
    (r"(?<![\w.])([a-z][a-z.]*):(>=|<=|>|<)(?=\S)", r"\1 \2 "),
    # -tag:latest
    (r"(?<!\S)-(?=[a-z]+:)", "not "),
    (r"(?<!\S)sort:(-?)([a-z]+)(?:-(asc|desc))?(?!\S)", r"sort \1\2 \3"),
    (r"(?<!\S)in:name\s+(\S+)", r"name like %\1%"),
    (r"(?<!\S)(\S+)\s+in:name(?!\S)", r"name like %\1%"),
    (r"(?<!\S)(?:org|user|owner):([\w.-]+)", r"repo:\1/*"),
    (r"(?<!\S)is:(?:images?|refs?|public|private)(?!\S)", " "),
    (r"(?<!\S)is:([a-z]+-[a-z]+)(?!\S)", r"\1"),
)
_JQ: Final = (
    # select(.size > 1000000)
    (r"^select\((.*)\)$", r".[] | select(\1)"),
    # .[] | select(.size > 1000000) | .name
    (r"^[\[(]?\s*\.\w*\[\]\s*\|\s*select\((.*?)\)\]?\s*\|\s*length\s*$", r"count \1"),
    (r"\.(\w+)\s*\|\s*(?:test|contains)\(\s*(\S+?)\s*\)", r".\1 ~ \2"),
    (
        r"^[\[(]?\s*\.\w*\[\]\s*\|\s*select\((.*?)\)\]?\s*\|\s*\.(\w+)\s*$",
        r"\1 show \2",
    ),
    (r"^[\[(]?\s*\.\w*\[\]\s*\|\s*select\((.*?)\)\]?(?:\s*\|.*)?$", r"\1"),
    (r"^map\(select\((.*?)\)\)(?:\s*\|.*)?$", r"\1"),
    (r"\.(\w+)\s*\|\s*startswith\(\s*['\"]?([^\s'\"()]+)['\"]?\s*\)", r".\1 like \2%"),
    (r"\.(\w+)\s*\|\s*endswith\(\s*['\"]?([^\s'\"()]+)['\"]?\s*\)", r".\1 like %\2"),
    (r"^\.(layers|manifests|blobs|packages|files)(?:\[\])?\.(\w+)\s*$", r"\1 show \2"),
    (r"^\.(layers|manifests|blobs|packages|files)(?:\[\])?\s*\|\s*length\s*$", r"count \1"),
    (r"^\.?\[?\.?\[\]\s*\|\s*\{\s*([\w, ]+?)\s*\}\]?\s*$", r"show \1"),
    (r"^\[\s*\.\[\]\s*\|\s*\.(\w+)\s*\]\s*\|\s*(max|min|add)\s*$", r"\2 \1"),
    (r"^map\(\.(\w+)\)\s*$", r"list show \1"),
    (r"\bsort_by\(-\s*\.(\w+)\)", r"sort by \1 desc"),
    (r"\s*\|\s*\.\[0?:(\d+)\]", r" limit \1"),
    (r"^limit\(\s*(\d+)\s*;.*\)\s*$", r"limit = \1"),
    (r"^first\s*$", "limit = 1"),
    (r"^map\(\.(\w+)\)\s*\|\s*add\s*$", r"sum \1"),
    (r"^\.?\w*\[\]\.(\w+)\s*$", r"list show \1"),
    (r"^\.\[0\]\s*$", "limit = 1"),
    (r"^(?:\.\s*\|\s*)?max_by\(\.(\w+)\)\s*$", r"sort by \1 desc limit 1"),
    (r"^(?:\.\s*\|\s*)?min_by\(\.(\w+)\)\s*$", r"sort by \1 limit 1"),
    (r"\bunique_by\(\.(\w+)\)", r"group by \1"),
    (r"^\[\.\[\]\.(\w+)\]\s*\|\s*add\s*$", r"sum \1"),
    (r"\bsort_by\(\.(\w+)\)\s*\|\s*reverse\b", r"sort by \1 desc"),
    (r"\bsort_by\(\.(\w+)\)", r"sort by \1"),
    (r"^group_by\(\.(\w+)\)\s*\|\s*map\(.*\blength\b.*\)\s*$", r"count by \1"),
    (r"\bgroup_by\(\.(\w+)\)", r"group by \1"),
    (r"^(?:\.(?:\[\])?\s*\|\s*)?length\s*$", "count"),
    (r"^\.(?=\[|$)\S*\s*\|\s*", ""),
    (r"(?<![\w./:])\.(?=[a-z])", ""),
)
_SQL: Final = (
    (r";\s*$", ""),
    (r"<>", "!="),
    (r"(?<=\w)!:(?=\S)", " != "),
    (r"\s*~=\s*", " ~ "),
    (
        r"\bwhere\s+(\w+)\s*=\s*\(\s*select\s+(max|min)\(\s*\1\s*\)\s+from\s+\w+\s*\)\s*$",
        shapes.of_extreme,
    ),
    (r"\b(\w+)\s+not\s+(in|i?like|between|contains)\b", r"not \1 \2"),
    (
        r"\b(name|repo|repository|registry)\s+ilike\s+(\S+)",
        lambda found: f"{found[1]} like {found[2].lower()}",  # which have lower case only
    ),
    (r"\blower\((\w+)\)\s*(?=like|=)", r"\1 "),
    (r"^\s*select\s+top\s+(\d+)\s+(.*)$", r"select \2 limit \1"),
    (r"^\s*from\s+(\w+)\s+select\s+([\w, ]+?)\s*$", r"select \2 from \1"),
    (r"(?s)^(\s*select\b.*\bfrom\s+(\w+)\s+(?:as\s+)?)([a-z])(?=\s|$)(.*)$", shapes.without_alias),
    (r"(?s)^(\s*select\b.*?)([\w.]+\([^)]*\)|\w+)\s+as\s+(\w+)(.*)$", shapes.without_name),
    (r"(?s)^(\s*select\s+(.*?)\s+from\b.*\border\s+by\s+)(\d+)\b", shapes.column_of_number),
    (r"\bdigest\s+like\s+['\"]?((?:sha\d+:)?[0-9a-f]+)%['\"]?", r"digest:\1"),
    (r"===", "="),
    (r"=>(?=\s*\d)", ">="),
    (r"=<(?=\s*\d)", "<="),
    (r"(?<![\w.])(\d[\d.]*[kmgt]?i?b?)\s*<\s*([a-z]+)(?!\S)", r"\2 > \1"),
    (r"\b(size):(\d[\d.]*[kmgt]i?b?)-(\d[\d.]*[kmgt]i?b?)(?!\S)", r"\1:\2..\3"),
    (r"\b(\w+)\s*=\s*(?:null|none|['\"]{2})(?!\S)", r"without \1"),
    (r"\b(\w+)\s+is\s+not\s+(?:null|none|empty)\b", r"with \1"),
    (r"\b(\w+)\s+is\s+(?:null|none|empty)\b", r"without \1"),
    (r"\s+as\s+\w+(?=\s*(?:,|from\b))", ""),
    (r"^\s*select\s+\*\s*$", "everything please"),
    (r"\b(?:select\s+)?(?:distinct|unique)\s+(\w+)(?:\s+from\s+(\w+))?\s*$", r"\2 group by \1"),
)
_PROSE: Final = (
    # images ending in -dev; repo starts with team, tag endsWith -dev
    (r"\b(?:images|refs)\s+(?:that\s+)?(start|begin|end)(?:s|ing|ning)?\s+", r"refs name \1s "),
    (
        (
            r"\b([a-z]+)\.(starts?_?with|has_?prefix|ends?_?with|has_?suffix|contains|includes?)"
            r"\(\s*['\"]?([^\s'\"()]+)['\"]?\s*\)"
        ),
        shapes.method,
    ),
    (r"\b(?:startswith|(?:start|begin)s? with|hasprefix)\s+['\"]?([^\s'\"]+)['\"]?", r"like \1%"),
    (r"\b(?:endswith|ends? (?:with|in)|hassuffix)\s+['\"]?([^\s'\"]+)['\"]?", r"like %\1"),
    (r"\s=~\s*", " ~ "),
    (r"\bvulnerable\s+to\b(?!\s+cve)", "with"),
    (r"\bmulti[ -]?(?:arch|platform)(?:itectures?|s)?\b", "multiarch"),
    (r"\bsingle[ -]?(?:arch|platform)(?:itectures?|s)?\b", "not multiarch"),
    (r"\b(?:at least|no less than|not less than|minimum of)\s+(?=\d)", ">= "),
    (r"\b(?:at most|no more than|not more than|up to|maximum of)\s+(?=\d)", "<= "),
    (r"\bmedia[ -]?types?\b", "type"),
    (r"<none>", "untagged"),
    (r"\bworld[ -]?writable\b", "writable"),
    (r"\bowned by root\b", "uid = 0"),
    (r"\bowned by (?:uid )?(?=\d)", "uid = "),
    (r"\bsigned (?:by|with) (?:cosign|notation|sigstore|notary)\b", "signed"),
    (r"(?<!\S)/([^\s/]+)/(?!\S)", r"name ~ \1"),
    (r"(?<!~ )(?<!\S)\^(\w[\w.-]*)(?!\S)", r"name ~ ^\1"),
    (r"(?<!\S)(%[\w./-]+%?|[\w./-]+%)(?!\S)", r"name like \1"),
    (r"\blike\s+name\s+like\b", "like"),
)
_RULES: Final = tuple(
    (lazy(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        *_SHELL,
        *_LISTINGS,
        *_SELECTORS,
        *_OPTIONS,
        *_COMMANDS,
        *_SEARCHES,
        *_JQ,
        *_SQL,
        *_PROSE,
    )
)
_CONNECTIVE: Final = lazy(r"(?<![^\s()!])(?:AND|OR|NOT)(?![^\s()])")
_FIELD: Final = lazy(
    r"(?<!env )(?<!label )(?<!annotation )(?<![\w.:/@-])[A-Za-z]+(?=\s*(?:[:=~<>]|!=|!~))"
)
_OPTION: Final = lazy(r"(?<!\S)--([a-z]+)(?:[ =]+|$)", re.IGNORECASE)
_SYNONYM: Final = lazy(
    rf"(?<![\w.:/-])(?:architecture|(?:{'|'.join(words.SYNONYMS)})(?=\s*[=:~!<>]))(?![\w/-])",
    re.IGNORECASE,
)
_NAMED: Final = frozenset((*FIELD_NAMES, *KEYED_FIELDS, *words.SYNONYMS, *words.AUTHORS))


def plain_words(text: str) -> str:
    """Return the words that a text of another tool stands for; other texts as they are."""
    text = _CONNECTIVE.sub(lambda found: found[0].lower(), text)
    text = _FIELD.sub(_in_lower_case, text)
    text = phrases.shorter(text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _OPTION.sub(_field_of_option, text)
    return _SYNONYM.sub(lambda found: words.SYNONYMS[found[0].lower()], text).strip()


def _in_lower_case(found: Match[str]) -> str:
    """Write `TAG` before an operator as `tag`, if that is a field."""
    lowered = found[0].lower()
    return lowered if lowered in _NAMED else found[0]


def _field_of_option(found: Match[str]) -> str:
    """Read `--arch arm64` as `arch arm64` where the option is a field."""
    return f"{found[1]} " if found[1].lower() in _NAMED else found[0]
