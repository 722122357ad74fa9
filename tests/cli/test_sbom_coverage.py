"""Queries of packages report what they cannot see: images without SBOM, unreadable SBOMs."""

import json
import shlex

import pytest

from tests import attested, build
from tests.cli.conftest import Run
from tests.packages import sboms

APP, BARE, DOUBTFUL = (f"example.com/{name}:1" for name in ("app", "bare", "doubtful"))
SPDX = attested.blob(sboms.statement(attested.spdx(curl="7.88.1-10")))
BROKEN = attested.blob(b'{"bomFormat": 1}', sboms.CYCLONEDX)
LINE = (
    "2 of 3 refs have no SBOM with packages; "
    "1 SBOM cannot be read, or only in part (cachedb doctor)\n"
)


def image(text: str) -> build.Thing:
    return build.image(build.layer({"text": text}))


@pytest.fixture
def mixed(tree: build.Tree) -> build.Tree:
    """Images with an SBOM, without one and with an unreadable one, and a signature by name."""
    app, doubtful = image("app"), image("doubtful")
    tree.add(build.index(app, attested.annotated(app, SPDX)), APP)
    tree.add(image("bare"), BARE)
    tree.add(build.index(doubtful, attested.referrer(doubtful, BROKEN)), DOUBTFUL)
    tree.add(attested.referrer(app, attested.blob(b"{}", "application/x-signature")), "x:sig")
    return tree


@pytest.mark.parametrize(
    "command",
    [
        "ls pkg:curl", "ls not pkg:curl", "query refs not pkg:curl", "query packages",
        "query refs license:MIT", "query refs no package", "query refs count package gt 1",
        "query 'packages packages(refs example.com/app)'", "query refs any package(name:curl)",
        "query refs show name,license", "query refs 'example.com/* or not pkg:curl'",
        "du --where pkg:curl", "validate --where pkg:curl", "verify --where pkg:curl",
        "rm --dry-run --where pkg:curl", "gc --dry-run --where pkg:curl",
        "gc --dry-run --drop pkg:curl", "gc --dry-run --drop 'name:*/bare' --keep pkg:curl",
    ],
)  # fmt: skip
def test_a_query_of_packages_reports_in_one_line_what_it_cannot_see(
    mixed: build.Tree, run: Run, command: str
) -> None:
    done = run(mixed.path, *shlex.split(command))
    assert done.code == 0, done.err
    assert done.err.count(LINE) == 1
    quiet = run(mixed.path, *shlex.split(command), "-q")
    assert quiet.code == 0
    assert "no SBOM" not in quiet.err


@pytest.mark.parametrize(
    "command", ["ls", "ls is:complete", "query refs name:*/app", "query blobs"]
)
def test_a_query_of_anything_else_reports_nothing(
    mixed: build.Tree, run: Run, command: str
) -> None:
    done = run(mixed.path, *command.split())
    assert done.code == 0
    assert done.err in {"", "nothing matches `refs name:*/app`\n"}


def test_a_cache_whose_images_all_have_packages_reports_nothing(
    tree: build.Tree, run: Run
) -> None:
    app = image("app")
    tree.add(build.index(app, attested.annotated(app, SPDX)), APP)
    done = run(tree.path, "ls", "pkg:curl")
    assert (done.code, done.err) == (0, "")
    assert APP in done.out


def test_an_explanation_reports_nothing_since_no_query_runs(mixed: build.Tree, run: Run) -> None:
    done = run(mixed.path, "query", "refs", "not", "pkg:curl", "--explain")
    assert (done.code, done.err) == (0, "")


def test_doctor_finds_sboms_that_cannot_be_read(mixed: build.Tree, run: Run) -> None:
    run(mixed.path, "ls")
    done = run(mixed.path, "doctor", "--format", "json")
    found = [row for row in json.loads(done.out) if row["finding"] == "sbom-unreadable"]
    assert [(row["level"], row["path"]) for row in found] == [
        ("warning", f"blobs/sha256/{BROKEN.digest[7:]}")
    ]
    assert found[0]["detail"]
    assert done.code == 8


def test_doctor_notes_an_sbom_of_which_some_elements_cannot_be_read(
    tree: build.Tree, run: Run
) -> None:
    odd = attested.blob(sboms.statement(sboms.spdx(attested.package("zlib", "1"), {"name": 1})))
    app = image("app")
    tree.add(build.index(app, attested.annotated(app, odd)), APP)
    run(tree.path, "ls")
    done = run(tree.path, "doctor", "--format", "json")
    levels = {row["finding"]: row["level"] for row in json.loads(done.out)}
    assert levels["sbom-unreadable"] == "note"


@pytest.mark.parametrize(
    "command", ["query refs is:indexed", "ls not is:indexed", "query layers ref.is:indexed"]
)
def test_a_query_of_indexed_packages_names_the_flag_of_indexed_files(
    mixed: build.Tree, run: Run, command: str
) -> None:
    line = "of refs, is:indexed is about packages of SBOMs; is:listed about the index of files\n"
    assert run(mixed.path, *command.split()).err.count(line) == 1
    assert run(mixed.path, *command.split(), "-q").err == ""


def test_a_query_of_indexed_files_is_told_the_flag_of_their_images(
    mixed: build.Tree, run: Run
) -> None:
    done = run(mixed.path, "query", "files is:indexed")
    assert done.code == 2
    assert "hint: queries know indexed files only; refs not is:listed gives" in done.err


@pytest.mark.parametrize("noun", ["layers", "manifests", "blobs"])
def test_the_flag_indexed_of_layers_selects_those_in_the_index_of_files(
    mixed: build.Tree, run: Run, noun: str
) -> None:
    def found(*words: str) -> set[str]:
        done = run(mixed.path, "query", noun, *words, "show", "digest")
        assert "of refs, is:indexed" not in done.err
        assert "not indexed (cachedb index files --all)" in done.err
        return set(done.out.split()[1:])

    everything = set(run(mixed.path, "query", noun, "show", "digest").out.split()[1:])
    assert not found("is:indexed")

    run(mixed.path, "index", "files", "-q", APP)

    assert found("is:indexed") == found("is:listed") > set()
    assert found("not", "is:indexed") == everything - found("is:indexed")


def test_an_explanation_of_indexed_packages_names_the_flag_of_indexed_files(
    mixed: build.Tree, run: Run
) -> None:
    assert "of files: `is:listed`" in run(mixed.path, "query", "--explain", "refs is:indexed").out


def test_the_flag_indexed_selects_the_refs_whose_packages_a_query_sees(
    mixed: build.Tree, run: Run
) -> None:
    def names(*words: str) -> set[str]:
        return set(run(mixed.path, "query", *words, "show", "name", "-q").out.split())

    everything, indexed = names("refs"), names("refs", "is:indexed")
    assert APP in indexed < everything
    assert names("refs", "not", "is:indexed") == everything - indexed
    clean = names("refs", "not", "pkg:curl")
    assert names("refs", "is:indexed", "not", "pkg:curl") == clean & indexed
