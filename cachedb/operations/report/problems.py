"""Findings of a report: broken, incomplete and mismatched platforms, as in `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statements import blobs, reports
from cachedb.operations.check import validate
from cachedb.operations.read import resolve
from cachedb.operations.report.model import ReportedFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.usage import NameRow
    from cachedb.operations.check.validate import PlatformReport, Validation


def findings(
    connection: Connection, images: Iterable[tuple[Sequence[NameRow], Sequence[int]]]
) -> tuple[ReportedFinding, ...]:
    """Validate the images that contain a faulty blob; `images` are refs and content.

    Costs in proportion to these images, after a few statements over all blobs.
    """
    suspect = set(connection.values(blobs.BROKEN))
    suspect.update(connection.values(reports.FAULTY))
    suspect.update(row.parent_id for row in connection.each(reports.MISMATCHES))
    if not suspect:
        return ()
    chosen = [
        row.ref_id for rows, content in images if not suspect.isdisjoint(content) for row in rows
    ]
    found = validate.validate(connection, resolve.of_refs(connection, chosen))
    return tuple(row for image in found for row in _rows(image))


def _rows(image: Validation) -> Iterator[ReportedFinding]:
    for each in image.platforms:
        if each.condition.is_finding or each.problem:
            faults = [f"corrupt {digest}" for digest in each.corrupt]
            faults += [f"missing {digest}" for digest in each.missing]
            yield ReportedFinding(
                image.name,
                str(each.digest),
                _platform(each),
                str(each.condition),
                "; ".join([*faults, *([each.problem] if each.problem else [])]),
            )
    if image.problem and image.problem not in {each.problem for each in image.platforms}:
        state = "corrupt" if image.platforms else "unreadable"
        yield ReportedFinding(image.name, str(image.digest), None, state, image.problem)


def _platform(report: PlatformReport) -> str | None:
    if report.is_attestation:
        return "attestation"
    return None if report.platform is None else str(report.platform)
