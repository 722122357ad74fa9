"""A value that matches nothing and is near to a known one gets a hint with the whole query."""

import re
import shlex

import pytest

from tests import attested, build
from tests.cli.conftest import Run
from tests.packages import sboms

NAMES = ("docker.io/library/nginx:latest", "ghcr.io/acme/tool:edge")
SPDX = attested.blob(sboms.statement(attested.spdx(openssl="3.0.1-1", bash="5.2")))
PASTED = re.compile(r"(.+) match(?:es)? nothing; did you mean `(.+)`\?\n")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> build.Tree:
    """An image for amd64 with an SBOM and one for arm64 with a label."""
    tree = build.layout(tmp_path_factory.mktemp("misspelled") / "cache", {})
    nginx = build.image(build.layer({"a": "1"}))
    tree.add(build.index(nginx, attested.annotated(nginx, SPDX)), NAMES[0])
    labels = {"maintainer": "web"}
    tree.add(build.image(build.layer({"b": "1"}), arch="arm64", labels=labels), NAMES[1])
    return tree


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refs arch:amr64", "refs arch:arm64"),
        ("refs arch eq amr64", "refs arch eq arm64"),
        ("refs os:linx", "refs os:linux"),
        ("refs platform:linx/amr64", "refs platform:linux/arm64"),
        ("refs name:ngnix", "refs name:nginx"),
        ("refs name:library/ngnix", "refs name:library/nginx"),
        ("refs name:ngnix:latset", "refs name:nginx:latest"),
        ("refs repo:library/ngnix", "refs repo:library/nginx"),
        ("refs repository:ghcr.io/acme/toool", "refs repository:ghcr.io/acme/tool"),
        ("refs repository:acme/tool", "refs repository:ghcr.io/acme/tool"),
        ("refs name=nginx,tag=latest", "refs name eq nginx and tag:latest"),
        ("refs tag:latest,name=nginx", "refs tag:latest and name:nginx"),
        ("refs registry:ghrc.io", "refs registry:ghcr.io"),
        ("refs tag:latset", "refs tag:latest"),
        ("refs tag:latset,edge", "refs tag:latest,edge"),
        ("refs pkg:opensl", "refs pkg:openssl"),
        ("refs pkg:opensl lt 4", "refs pkg:openssl lt 4"),
        ("packages name:opensl", "packages name:openssl"),
        ("packages type:dbe", "packages type:deb"),
        ("refs label:maintaner", "refs label:maintainer"),
        (
            "blobs type:application/vnd.oci.image.manfest.v1+json",
            "blobs type:application/vnd.oci.image.manifest.v1+json",
        ),
        ("refs manifest.arch:amr64", "refs manifest.arch:arm64"),
        ("blobs any manifest(arch:amr64)", "blobs any manifest(arch:arm64)"),
        ("refs not arch:amr64", "refs not arch:arm64"),
        (
            "refs arch:amr64 or tag:latset sort -size limit 1",
            "refs arch:arm64 or tag:latest sort -size limit 1",
        ),
    ],
)  # fmt: skip
def test_a_misspelled_value_is_hinted_with_the_query_to_paste(
    images: build.Tree, run: Run, typed: str, meant: str
) -> None:
    done = run(images.path, "query", typed)

    assert done.code == 0
    found = PASTED.search(done.err)
    assert found is not None, done.err
    assert found[2] == meant
    pasted = run(images.path, "query", meant, "-q")
    assert (pasted.code, pasted.err) == (0, "")
    assert pasted.out


def test_a_hint_does_not_change_the_answer(images: build.Tree, run: Run) -> None:
    told, quiet = (run(images.path, "query", "refs arch:amr64", *more) for more in ((), ("-q",)))

    assert told.err == "`arch:amr64` matches nothing; did you mean `refs arch:arm64`?\n"
    assert quiet.err == ""
    assert (told.code, told.out.split(), quiet.code, quiet.out) == (0, ["NAME", "DIGEST"], 0, "")


@pytest.mark.parametrize(
    "text",
    [
        "refs arch:arm64", "refs arch:s390x", "refs arch:x86_64", "refs arch:AMD64",
        "refs os:windows", "refs os:darwin", "refs platform:linux/riscv64", "refs platform:arm",
        "refs name:nginx", "refs name:redis", "refs name:library/nginx:latest", "refs tag:v1",
        "refs tag:lates*", "refs name:ngni*", "refs tag matches latset",
        "refs pkg:dash", "refs pkg:openssl=3.0.2", "refs size gt 1T", "refs digest:sha256:abcdef",
        "refs type:application/vnd.oci.image.index.v2+json", "refs is:pinned", "refs", "blobs",
        "files name:bahs", "refs label:unknown", r"refs tag:'a\b'", "refs tag:''",
    ],
)  # fmt: skip
def test_a_value_that_is_known_or_not_near_is_not_hinted(
    images: build.Tree, run: Run, text: str
) -> None:
    assert "did you mean" not in run(images.path, "query", text).err


def test_a_value_of_a_saved_query_is_not_hinted(images: build.Tree, run: Run) -> None:
    assert run(images.path, "query", "--save", "mine", "refs arch:amr64").code == 0

    assert "did you mean" not in run(images.path, "query", "@mine").err


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("ls arch:amr64", "refs arch:arm64"),
        ("ls --arch amr64", "refs platform:linux/arm64"),
        ("ls --platform linux/amr64", "refs platform:linux/arm64"),
        ("ls --where arch:amr64", "refs arch:arm64"),
        ("du --where arch:amr64", "refs arch:arm64"),
        ("rm --dry-run --where arch:amr64", "refs arch:arm64"),
        ("rm --dry-run --where 'not arch:amr64'", "refs not arch:arm64"),
        ("validate --where arch:amr64", "refs arch:arm64"),
        ("verify --where arch:amr64", "refs arch:arm64"),
        ("gc --dry-run --where 'type:application/vnd.oci.image.manfest.v1+json'",
         "blobs type:application/vnd.oci.image.manifest.v1+json"),
        ("gc --dry-run --drop everything --keep arch:amr64", "refs arch:arm64"),
        ("prune --dry-run --keep-last 1 --keep tag:latset", "refs tag:latest"),
    ],
)  # fmt: skip
def test_every_command_with_a_query_hints_a_misspelled_value(
    images: build.Tree, run: Run, command: str, meant: str
) -> None:
    done = run(images.path, *shlex.split(command))

    assert f"did you mean `{meant}`?\n" in done.err, done.err


@pytest.mark.parametrize(
    "command",
    [
        ("ls", "tag:absent"), ("ls", "--where", "tag:absent"), ("query", "refs tag:absent"),
        ("ls", "tag:absent", "--format", "json"), ("ls", "refs tag:absent show tag"),
        ("validate", "--where", "tag:absent"), ("verify", "--where", "tag:absent"),
        ("du", "--where", "tag:absent"), ("waste", "--where", "tag:absent"),
        ("index", "files", "--where", "tag:absent"), ("rm", "--where", "tag:absent", "--dry-run"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_empty_answer_says_which_query_matches_nothing(
    images: build.Tree, run: Run, command: tuple[str, ...]
) -> None:
    told, quiet = (run(images.path, *command, *more) for more in ((), ("-q",)))

    assert (told.code, quiet.code, quiet.err) == (0, 0, "")
    assert told.err.startswith("nothing matches `refs tag:absent")


def test_ls_has_the_query_that_was_meant_by_one_that_matches_nothing(
    images: build.Tree, run: Run
) -> None:
    done = run(images.path, "ls", "layers nginx")

    assert done.err == "nothing matches; did you mean `layers blobs(nginx)`?\n"
