"""The content graph: what documents need, the order of publication, the bounds of the walker."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from cachedb.errors import LimitExceeded
from cachedb.limits import GRAPH_DEPTH
from cachedb.oci import Descriptor, MediaType, graph, manifest
from cachedb.oci.graph import RequiredContent
from tests import build


def _needed(thing: build.Thing, chosen: Sequence[Descriptor] | None = None) -> RequiredContent:
    document = manifest.parse(thing.root.content, MediaType(thing.media_type))
    return graph.required_content(document, chosen)


def _digests(descriptors: Sequence[Descriptor]) -> list[str]:
    return [str(each.digest) for each in descriptors]


def test_an_image_needs_its_config_and_layers() -> None:
    image = build.image(build.layer({"a": "1"}), build.layer({"b": "2"}))

    needed = _needed(image)

    assert _digests(needed.blobs) == [blob.digest for blob in (image.config, *image.layers)]
    assert needed.documents == needed.optional == ()


def test_a_non_distributable_layer_is_optional() -> None:
    layers = (build.layer({"a": "1"}), build.layer({"b": "2"}, media_type=build.FOREIGN_LAYER))
    image = build.image(*layers)

    needed = _needed(image)

    assert _digests(needed.optional) == [layers[1].digest]
    assert layers[1].digest not in _digests(needed.blobs)


def test_a_subject_is_no_content() -> None:
    image = build.image()
    signature = build.signature(image)

    needed = _needed(signature)

    assert needed.subject is not None
    assert needed.subject.digest == image.digest
    assert image.digest not in _digests([*needed.documents, *needed.leaves])


def test_an_index_needs_the_chosen_manifests_only() -> None:
    index = build.multi_platform("amd64", "arm64")
    whole = _needed(index)

    assert len(whole.documents) == 2
    assert _needed(index, whole.documents[:1]).documents == whole.documents[:1]


def test_an_index_of_layers_needs_each_of_them() -> None:
    layers = [build.layer({"a": "1"}), build.layer({"b": "2"})]
    cache = build.index_of(*layers)

    needed = _needed(cache)

    assert _digests(needed.blobs) == [layer.digest for layer in layers]
    assert needed.documents == ()


def test_a_layer_beside_manifests_is_optional() -> None:
    layer = build.layer({"a": "1"})
    mixed = build.index_of(layer, build.image().root)

    needed = _needed(mixed)

    assert _digests(needed.optional) == [layer.digest]
    assert len(needed.documents) == 1


def test_the_walker_visits_each_node_once_and_asks_once_a_level() -> None:
    below = {"root": ("a", "b"), "a": ("c",), "b": ("c", "a"), "c": ()}
    levels: list[list[str]] = []

    def children(level: Sequence[str]) -> list[tuple[str, ...]]:
        levels.append(list(level))
        return [below[node] for node in level]

    assert graph.walk(["root"], children, "a test") == below
    assert levels == [["root"], ["a", "b"], ["c"]]


def test_a_child_that_is_met_early_is_published_before_a_parent_that_is_met_late() -> None:
    below = {"root": ("shared", "inner"), "inner": ("shared",), "shared": ()}

    assert list(graph.children_first(["root"], below)) == ["shared", "inner", "root"]


def test_the_walker_ends_on_a_cycle() -> None:
    below = {"a": ("b",), "b": ("a",)}

    assert graph.walk(["a"], lambda level: [below[node] for node in level], "a test") == below
    assert list(graph.children_first(["a"], below)) == ["b", "a"]


def _chain(length: int) -> Callable[[Sequence[int]], Iterator[tuple[int, ...]]]:
    def below(level: Sequence[int]) -> Iterator[tuple[int, ...]]:
        return iter([(node + 1,) if node < length else () for node in level])

    return below


def test_the_walker_goes_as_deep_as_the_limit() -> None:
    found = graph.walk([0], _chain(GRAPH_DEPTH.value), "a test")

    assert len(found) == GRAPH_DEPTH.value + 1
    assert next(graph.children_first([0], found)) == GRAPH_DEPTH.value


def test_the_walker_refuses_a_graph_deeper_than_the_limit() -> None:
    with pytest.raises(LimitExceeded, match="exceeds the graph depth limit"):
        graph.walk([0], _chain(GRAPH_DEPTH.value + 1), "a test")


def test_the_walker_refuses_more_nodes_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "GRAPH_NODES", graph.GRAPH_NODES.replace(value=3))

    with pytest.raises(LimitExceeded, match="exceeds the graph nodes limit"):
        graph.walk([0], lambda level: [tuple(range(1, 4)) for _ in level], "a test")
