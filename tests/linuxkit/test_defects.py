"""Every defect of linuxkit that design/linuxkit.md §4 lists, and the tests that show ours right.

The list is held to the page on one side and to the tests on the other. Section E, which is a
table there, has a number for each of its rows here.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests import facts

TESTS = Path(__file__).resolve().parents[1]

FIND = "conformance/test_linuxkit_find.py"
CACHES = "conformance/test_linuxkit_caches.py"
ARCHIVES = "conformance/test_linuxkit_archives.py"
EXPORTS = "conformance/test_linuxkit_exports.py"
REGISTRY = "conformance/test_linuxkit_registry.py"
INDEX_WRITE = "conformance/test_linuxkit_index_write.py"
PROVIDER = "linuxkit/test_provider.py"
WITH_REGISTRY = "linuxkit/test_with_registry.py"
SOURCES = "linuxkit/test_sources.py"
PAGE = "linuxkit/test_reference_page.py"
CLEAN = "cli/test_clean.py"
RM = "cli/test_rm.py"
EXPORT_AND_IMPORT = "cli/test_export_and_import.py"
BAD_INPUT = "cli/test_bad_input.py"
COMMANDS = "cli/test_registry_commands.py"
EXPORT = "operations/test_export.py"
IMPORT = "operations/test_import.py"
PULL = "operations/test_pull.py"
PUSH = "operations/test_push.py"
TAGS = "operations/test_push_tags.py"
IMAGES = "operations/test_images.py"
REMOTE = "operations/test_remote_inspect.py"
ARCHIVE = "archive/test_image_archive.py"
INTEROP = "interop/test_exports.py"

SHOWN_BY: dict[str, list[tuple[str, str]]] = {
    # names
    "A1": [(FIND, "test_a_name_is_expanded_as_docker_does")],
    "A2": [
        (FIND, "test_a_name_is_expanded_as_docker_does"),
        (PUSH, "test_a_name_without_a_tag_means_latest"),
    ],
    "A3": [(FIND, "test_what_linuxkit_stored_under_a_name_is_found_by_it")],
    "A4": [(PAGE, "test_every_command_takes_the_cache_from_an_option_or_the_environment")],
    # removal
    "B1": [
        (PROVIDER, "test_an_alias_keeps_everything"),
        (PROVIDER, "test_what_only_the_name_kept_is_gone_at_once"),
        ("operations/test_gc.py", "test_a_shared_layer_outlives_one_of_its_images"),
    ],
    "B2": [(CLEAN, "test_only_what_is_published_goes")],
    "B3": [
        (WITH_REGISTRY, "test_names_for_platforms_do_not_collide"),
        (PROVIDER, "test_an_entry_whose_blobs_are_gone_can_be_removed"),
    ],
    "B4": [
        (RM, "test_a_name_that_is_not_there_is_told_and_the_others_go"),
        (RM, "test_removing_what_is_gone_does_nothing"),
    ],
    "B5": [(CACHES, "test_a_cache_of_linuxkit_is_adopted_in_place_and_can_be_emptied")],
    "B6": [
        (CACHES, "test_a_cache_of_linuxkit_is_adopted_in_place_and_can_be_emptied"),
        (IMAGES, "test_a_name_that_is_there_twice_is_removed_twice"),
        ("cli/test_interrupted.py", "test_what_an_interrupted_pull_has_left_goes_with_a_gc"),
        ("operations/test_gc.py", "test_only_what_no_name_leads_to_is_removed"),
        (IMAGES, "test_a_flipped_byte_is_found_and_takes_its_images_along"),
    ],
    "B7": [
        (REMOTE, "test_published_unpublished_and_unknown_images_are_told_apart"),
        (REMOTE, "test_each_name_costs_one_head"),
        ("cli/test_real_registries.py", "test_images_go_there_and_come_back"),
        (COMMANDS, "test_a_registry_that_refuses_keeps_the_name_and_is_told"),
    ],
    "B8": [
        (CLEAN, "test_what_is_no_layout_is_refused_and_untouched"),
        (CLEAN, "test_the_layout_stays_and_so_does_everything_that_is_no_image"),
    ],
    # import
    "C1": [(IMPORT, "test_other_bytes_under_the_name_of_a_blob_do_not_come_in")],
    "C2": [
        (IMPORT, "test_a_wrong_file_of_that_name_is_replaced"),
        (PULL, "test_a_wrong_file_is_healed"),
    ],
    "C3": [
        (ARCHIVE, "test_members_may_come_in_any_order_and_begin_with_a_dot"),
        (ARCHIVE, "test_what_linuxkit_passes_over_is_read_or_refused"),
        (ARCHIVES, "test_an_archive_is_listed_as_linuxkit_lists_it"),
    ],
    "C4": [
        (ARCHIVES, "test_a_second_import_changes_nothing"),
        (INTEROP, "test_what_skopeo_copies_comes_back_as_it_was"),
    ],
    "C5": [
        (EXPORT_AND_IMPORT, "test_a_folder_a_file_and_a_pipe_bring_the_same"),
        (IMPORT, "test_blobs_of_another_algorithm_come_in"),
        (ARCHIVES, "test_an_archive_is_listed_as_linuxkit_lists_it"),
    ],
    # updates of indexes
    "D1": [(INDEX_WRITE, "test_variants_are_kept_apart")],
    "D2": [(PROVIDER, "test_the_index_of_another_name_outlives_an_update")],
    "D3": [(INDEX_WRITE, "test_new_images_stand_in_the_order_in_which_they_were_given")],
    "D4": [(INDEX_WRITE, "test_a_docker_list_stays_one")],
    # at the same time, and killed
    "E1": [("operations/test_import_processes.py", "test_imports_side_by_side_lose_no_name")],
    "E2": [("operations/test_pull_processes.py", "test_two_processes_fetch_a_blob_once")],
    "E3": [("crash/test_crash_points.py", "test_a_fault_at_some_points_breaks_nothing")],
    "E4": [("cli/test_interrupted.py", "test_a_pull_that_is_ended_goes_on_where_it_stopped")],
    "E5": [(PULL, "test_many_names_are_one_write_of_index_json")],
    # platforms
    "F1": [
        (SOURCES, "test_an_index_gives_the_very_variant"),
        (EXPORT, "test_an_image_of_another_platform_is_refused_unless_forced"),
    ],
    "F2": [(WITH_REGISTRY, "test_only_what_is_asked_for_is_pulled_and_only_once")],
    "F3": [
        (EXPORTS, "test_an_image_is_valid_as_linuxkit_has_it"),
        (WITH_REGISTRY, "test_platforms_are_tagged_however_their_layers_are_compressed"),
    ],
    "F4": [(PROVIDER, "test_validation_tells_what_is_not_there")],
    "F5": [
        (EXPORT, "test_nested_indexes_are_reached"),
        (TAGS, "test_images_in_an_inner_index_are_tagged"),
    ],
    # export and the command line
    "G1": [
        (EXPORT_AND_IMPORT, "test_a_longer_file_is_replaced_whole"),
        (EXPORT_AND_IMPORT, "test_a_failure_leaves_the_folder_as_it_was"),
    ],
    "G2": [
        (EXPORT, "test_what_is_missing_is_told_before_anything_is_written"),
        (EXPORT, "test_wrong_bytes_never_leave_as_if_they_were_right"),
    ],
    "G3": [
        (EXPORTS, "test_an_oci_export_of_one_platform_has_the_blobs_that_linuxkit_writes"),
        (INTEROP, "test_skopeo_and_umoci_read_one_platform"),
    ],
    "G4": [
        (EXPORT, "test_several_images_share_an_archive"),
        (EXPORT_AND_IMPORT, "test_exit_codes_mean_something"),
        (BAD_INPUT, "test_bad_input_is_told_in_a_line_and_changes_nothing"),
        ("cli/test_formats.py", "test_quiet_prints_digests_and_nothing_else"),
    ],
    "G5": [(EXPORT_AND_IMPORT, "test_exit_codes_mean_something")],
    # push
    "H1": [(TAGS, "test_what_is_there_already_still_gets_tags")],
    "H2": [
        (TAGS, "test_another_image_is_left_alone_unless_told"),
        (PUSH, "test_what_cannot_be_pushed_is_refused"),
    ],
    "H3": [
        (REGISTRY, "test_a_push_leaves_what_linuxkit_leaves"),
        (TAGS, "test_images_in_an_inner_index_are_tagged"),
    ],
    "H4": [(COMMANDS, "test_a_mirror_has_no_say_in_what_is_pushed_or_published")],
    "H5": [(PUSH, "test_a_partial_index_is_refused_before_anything_is_sent")],
}


@cache
def functions_of(path: str) -> set[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_defect_is_listed() -> None:
    assert facts.names("linuxkit_names", "defect") == SHOWN_BY.keys()


@pytest.mark.parametrize("defect", SHOWN_BY)
def test_what_shows_ours_right_is_a_test(defect: str) -> None:
    assert SHOWN_BY[defect]
    for path, name in SHOWN_BY[defect]:
        assert name in functions_of(path)
