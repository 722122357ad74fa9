"""One graph: only cachedb.oci.graph decides what a document needs, and walks documents.

A module that reads the descriptors of a document by its own hand is where a second idea of what an
image needs begins. Each that does is listed here with what it reads them for, which is never to
find out what an image needs. Walks of rows are not walks of documents: decision 24.
"""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, modules, tree

FIELDS = {"manifests", "layers", "config", "subject"}
KEYS = FIELDS | {"blobs"}
PARSERS = {
    "manifest.parse", "documents.parse", "oci_manifest.parse", "IndexDocument.parse", "salvage",
    "salvage.salvage",
}  # fmt: skip
# Names of these packages are words of the query language, columns and tables.
NOT_DOCUMENTS = ("cachedb.query", "cachedb.catalog.queries", "cachedb.catalog.statements")

READERS = {
    "cachedb.archive.docker_archive": "docker save lists config and layers by path",
    "cachedb.archive.image_archive": "the same list, read",
    "cachedb.cache_files": "layers of an ImageLayers",
    "cachedb.catalog.index.derive": "manifests of the working set are rows",
    "cachedb.catalog.index.working_set": "manifests of the working set are rows",
    "cachedb.linuxkit.arch_names": "linuxkit names what the index itself lists, and no deeper",
    "cachedb.linuxkit.sources": "the settings of a container are in the config",
    "cachedb.oci.graph": "the one",
    "cachedb.oci.index_merge": "entries of two indexes are merged",
    "cachedb.oci.manifest": "the classes",
    "cachedb.oci.platform.selection": "entries of an index are selected by platform",
    "cachedb.operations.archives.export": "docker save and a file tree hold one config and layers",
    "cachedb.operations.archives.image_parts": "an artifact is a referrer if it has a subject",
    "cachedb.operations.archives.import_closure": "an artifact is a referrer if it has a subject",
    "cachedb.operations.archives.inspect_image": "layers are counted",
    "cachedb.operations.check.deep_validation": "layers are paired with diff IDs",
    "cachedb.operations.files": "layers of an ImageLayers, of which a file system is made",
    "cachedb.operations.report.build": "layers of a survey are rows",
    "cachedb.operations.transfer.local_graph": "the selection of platforms asks for subjects",
    "cachedb.operations.transfer.publish": "subjects are columns of rows",
    "cachedb.operations.transfer.pull_graph": "the selection of platforms asks for subjects",
    "cachedb.operations.transfer.push": "referrers are listed at the registry by their subject",
    "cachedb.operations.transfer.push_graph": "images are listed, to name them by architecture",
    "cachedb.operations.transfer.remote_inspect": "layers are counted, configs shown",
    "cachedb.operations.transfer.tag_update": "layers of two signatures are compared",
    "cachedb.operations.transfer.upload": "what has no subject can be pushed at any time",
    "cachedb.packages.document_types": "config is the media type of one",
    "cachedb.registry.referrers": "a page of referrers is an index",
    "cachedb.registry.registry": "a registry without the API gets a list of referrers",
}
KEY_READERS = {
    "cachedb.archive.image_archive": "whether index.json of an archive lists anything",
    "cachedb.layout.index_json": "entries of index.json",
    "cachedb.linuxkit.sources": "the settings of a container in an image config",
    "cachedb.oci.config": "the settings of a container in an image config",
    "cachedb.oci.index_merge": "entries are kept byte for byte",
    "cachedb.oci.manifest": "the parser",
    "cachedb.packages.in_toto": "subjects of a statement, which is no document of the graph",
}
PARSING = {
    "cachedb.linuxkit.index_write": "linuxkit's index is merged",
    "cachedb.oci.graph": "the one",
    "cachedb.oci.index_merge": "the one that merges",
    "cachedb.oci.salvage": "whether content of an unknown type is a document",
    "cachedb.operations.archives.image_parts": "the entries of an index, to keep some of them",
    "cachedb.operations.archives.import_closure": "documents of an archive, for the walker",
    "cachedb.operations.check.deep_validation": "layers are paired with diff IDs",
    "cachedb.operations.sync.parse_documents": "documents of the layout, for the rows",
    "cachedb.operations.transfer.local_graph": "documents of the layout, for the walker",
    "cachedb.operations.transfer.pull_graph": "documents of a registry, for the walker",
    "cachedb.operations.transfer.push_graph": "the entries of an index, to keep some of them",
    "cachedb.operations.transfer.remote_inspect": "documents of a registry, for the walker",
    "cachedb.operations.transfer.tag_update": "two indexes are merged",
    "cachedb.registry.referrers": "a page of referrers is an index",
    "cachedb.registry.registry": "whether what is pushed has a subject",
}


def reads_fields(node: ast.AST) -> bool:
    is_read = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    return is_read and node.attr in FIELDS


def reads_keys(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key in KEYS
        case ast.Call(func=ast.Attribute(), args=[ast.Constant(value=str() as key), *_]):
            return key in KEYS
    return False


def parses(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in PARSERS


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def found(does: object) -> set[str]:
    assert callable(does)
    return {
        dotted(path)
        for path in modules("cachedb")
        if not dotted(path).startswith(NOT_DOCUMENTS)
        if any(does(node) for node in ast.walk(tree(path)))
    }


@pytest.mark.parametrize(
    ("does", "listed"),
    [(reads_fields, READERS), (reads_keys, KEY_READERS), (parses, PARSING)],
    ids=["fields", "keys", "parsers"],
)
def test_no_other_module_looks_for_the_children_of_documents(
    does: object, listed: dict[str, str]
) -> None:
    reading = found(does)
    rooms = {name for name in listed if (ROOT / name.replace(".", "/")).is_dir()}
    in_rooms = {each for each in reading if any(each.startswith(f"{room}.") for room in rooms)}

    assert reading - in_rooms == listed.keys() - rooms
    assert {room for room in rooms if any(each.startswith(room) for each in in_rooms)} == rooms


def test_a_private_walk_is_seen() -> None:
    walk = ast.parse(
        "def content(document):\n"
        "    for child in document.layers:\n"
        "        yield from content(manifest.parse(read(child), child.media_type))\n"
        "    yield from json.loads(text)['manifests']\n"
    )

    for does in (reads_fields, reads_keys, parses):
        assert any(does(node) for node in ast.walk(walk)), does


def test_only_the_walker_bounds_the_depth_of_a_graph() -> None:
    named = {
        dotted(path)
        for path in modules("cachedb")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name) and node.id in {"GRAPH_DEPTH", "GRAPH_NODES"}
    }

    # A page of referrers and a selection count documents before the walker sees them.
    assert named == {"cachedb.limits", "cachedb.oci.graph", "cachedb.registry.referrers"}
