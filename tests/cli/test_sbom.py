"""``cachedb sbom``: documents to the byte, lists of packages, and how it ends."""

import json

import pytest

from tests import attested, build
from tests.cli.conftest import Run
from tests.packages import sboms

AMD64 = build.image(build.layer({"arch": "amd64"}))
ARM64 = build.image(build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
SPDX = attested.blob(sboms.statement(attested.spdx(curl="7.88.1-10", zlib="1:1.3-1")))
BARE = attested.blob(attested.spdx(musl="1.2"), sboms.SPDX)
CYCLONEDX = attested.blob(sboms.cyclonedx(sboms.cyclonedx_component()), sboms.CYCLONEDX)
BROKEN = attested.blob(b'{"bomFormat": 1}', sboms.CYCLONEDX)
APP = "example.com/app:1"


def predicate(document: build.Blob) -> str:
    return json.dumps(json.loads(document.content)["predicate"])


@pytest.fixture
def app(tree: build.Tree) -> build.Tree:
    """An index with an SBOM of each of two platforms, and two of itself."""
    index = build.index(
        AMD64, ARM64, attested.annotated(AMD64, SPDX), attested.referrer(ARM64, BARE)
    )
    tree.add(index, APP)
    tree.put(*attested.referrer(index, CYCLONEDX).blobs)
    return tree


def test_documents_are_printed_as_they_stand_in_the_order_of_platforms(
    app: build.Tree, run: Run
) -> None:
    done = run(app.path, "sbom", APP)
    documents = [predicate(SPDX), BARE.content.decode(), CYCLONEDX.content.decode()]
    assert (done.code, done.err) == (0, "")
    assert done.out == "".join(f"{document}\n" for document in documents)


@pytest.mark.parametrize(
    ("arguments", "document"),
    [
        pytest.param(["--platform", "linux/amd64"], predicate(SPDX), id="a-platform"),
        pytest.param(["-p", "aarch64"], BARE.content.decode(), id="another-by-its-alias"),
        pytest.param(["--format", "cyclonedx"], CYCLONEDX.content.decode(), id="a-format"),
        pytest.param(
            ["--format", "spdx", "-p", "arm64"], BARE.content.decode(), id="platform-and-format"
        ),
    ],
)
def test_one_document_is_chosen(
    app: build.Tree, run: Run, arguments: list[str], document: str
) -> None:
    done = run(app.path, "sbom", APP, *arguments)
    assert (done.code, done.out) == (0, f"{document}\n")


def test_packages_are_listed(app: build.Tree, run: Run) -> None:
    done = run(app.path, "sbom", APP, "--format", "table")
    assert done.out.splitlines() == [
        "PLATFORM     NAME  VERSION    TYPE  LICENSE  PURL",
        "linux/amd64  curl  7.88.1-10  deb            pkg:deb/debian/curl@7.88.1-10",
        "linux/amd64  zlib  1:1.3-1    deb            pkg:deb/debian/zlib@1:1.3-1",
        "linux/arm64  musl  1.2        deb            pkg:deb/debian/musl@1.2",
        f"             curl  7.88.1-10  deb   curl     {sboms.PURL}",
    ]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_packages_are_listed_for_programs(app: build.Tree, run: Run, form: str) -> None:
    done = run(app.path, "sbom", APP, "--platform", "amd64", "--format", form)
    if form == "csv":
        lines = ["platform,name,version,type,license,purl"]
        lines += ["linux/amd64,curl,7.88.1-10,deb,,pkg:deb/debian/curl@7.88.1-10"]
        assert done.out.splitlines()[:2] == lines
        return
    listed = json.loads(done.out) if form == "json" else map(json.loads, done.out.splitlines())
    assert [(one["name"], one["version"]) for one in listed] == [
        ("curl", "7.88.1-10"),
        ("zlib", "1:1.3-1"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param([APP, "-p", "linux/s390x"], 3, "has no linux/s390x", id="no-such-platform"),
        pytest.param(["example.com/none:1"], 3, "has no SBOM", id="none"),
        pytest.param(
            ["example.com/none:1", "-p", "arm64"], 3, "has no SBOM for linux/arm64",
            id="none-for-another-platform",
        ),
        pytest.param(
            [APP, "-p", "amd64", "--format", "cyclonedx"], 3, "has no cyclonedx document",
            id="none-of-that-format",
        ),
        pytest.param([APP, "-p", "not a platform"], 2, "invalid platform", id="no-platform"),
        pytest.param(["example.com/missing:1"], 3, "no such reference", id="no-image"),
        pytest.param(["example.com/broken:1"], 0, "", id="broken-as-it-stands"),
        pytest.param(
            ["example.com/broken:1", "--format", "json"], 8, BROKEN.digest, id="broken-listed"
        ),
    ],
)  # fmt: skip
def test_it_ends_with_a_reason(
    app: build.Tree, run: Run, arguments: list[str], code: int, words: str
) -> None:
    app.add(build.image(build.layer({"none": ""})), "example.com/none:1")
    broken = build.image(build.layer({"broken": ""}))
    app.add(build.index(broken, attested.referrer(broken, BROKEN)), "example.com/broken:1")
    done = run(app.path, "sbom", *arguments)
    assert done.code == code
    assert words in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "form",
    [["--format", form] for form in ("raw", "table", "json", "jsonl", "csv")] + [["--quiet"]],
    ids=lambda form: form[-1].lstrip("-"),
)
def test_every_form_tells_an_image_without_sbom_from_an_sbom_without_packages(
    tree: build.Tree, run: Run, form: list[str]
) -> None:
    # No annotation states the type of its predicate: only its content tells that it is no SBOM.
    statement = {"predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}
    provenance = attested.blob({"_type": "https://in-toto.io/Statement/v1", **statement})
    empty = attested.blob(sboms.cyclonedx(), sboms.CYCLONEDX)
    tree.add(AMD64, "example.com/none:1")
    tree.add(build.index(ARM64, attested.annotated(ARM64, provenance)), "example.com/slsa:1")
    described = build.image(build.layer({"empty": ""}))
    tree.add(build.index(described, attested.referrer(described, empty)), "example.com/empty:1")
    for name in ("example.com/none:1", "example.com/slsa:1"):
        done = run(tree.path, "sbom", name, *form)
        assert (done.code, done.out) == (3, "")
        assert f"{name!r} has no SBOM" in done.err
    done = run(tree.path, "sbom", "example.com/empty:1", *form)
    assert (done.code, done.err) == (0, "")


def test_a_terminal_gets_the_same_json_without_what_could_drive_it(
    tree: build.Tree, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.dumps(attested.spdx(**{"a\x9bb\u202ec": "1"}), ensure_ascii=False)
    blob = attested.blob(document.encode(), sboms.SPDX)
    tree.add(build.index(AMD64, attested.referrer(AMD64, blob)), APP)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    done = run(tree.path, "sbom", APP)
    assert "\x9b" not in done.out
    assert "\u202e" not in done.out
    assert json.loads(done.out) == json.loads(document)
