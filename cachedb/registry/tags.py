"""Tags of a repository, page by page (distribution-spec, Listing Tags)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest, RefNotFound, WrongContent
from cachedb.limits import MANIFEST_BYTES, PAGES
from cachedb.oci.json_fields import Fields
from cachedb.oci.reference import TAG, TagName
from cachedb.oci.strict_json import decode_object
from cachedb.registry.endpoint import next_page
from cachedb.registry.http import api_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.response import Response

_A_PAGE = 1000
# Pages of one tag would cost a request per tag: an average of 10 is required after 50 pages.
_FREE_PAGES = 50
_LEAST_A_PAGE = 10


def iter_tags(endpoint: Endpoint, repository: str) -> Iterator[TagName]:
    """Yield the tags of a repository in the registry's order.

    An invalid tag name is reported as a warning and omitted. Costs one request a page of up to
    1000 tags.

    Raises:
        RefNotFound: The registry does not have the repository.
        LimitExceeded: There are more pages than the limit.
        WrongContent: A page is not a list of tags, is repeated, or the pages have too few tags.
    """
    path: str | None = endpoint.path(repository, f"tags/list?n={_A_PAGE}")
    seen: set[str] = set()
    count = 0
    while path is not None:
        if path in seen:
            raise WrongContent(f"the tags of {repository!r}", "the pages form a cycle")
        seen.add(path)
        _check_worth(len(seen), count, repository)
        title = f"the list of tags of {repository!r}"
        access = endpoint.pulling(repository)
        with endpoint.fetch(path, access, MANIFEST_BYTES, title) as (response, content):
            page = _page(response, content, endpoint, repository)
            path = next_page(response)
        count += len(page)
        yield from _valid(page, endpoint, repository)


def _check_worth(pages: int, tags: int, repository: str) -> None:
    PAGES.check(pages, f"the list of the tags of {repository!r}")
    if pages > _FREE_PAGES and tags < pages * _LEAST_A_PAGE:
        raise WrongContent(
            f"the tags of {repository!r}", f"{pages} pages brought {tags} tags, and there are more"
        )


def _page(
    response: Response, content: bytes, endpoint: Endpoint, repository: str
) -> tuple[str, ...]:
    if response.status == HTTPStatus.NOT_FOUND:
        raise RefNotFound(repository, why=f"{endpoint} has no repository {repository!r}")
    if response.status != HTTPStatus.OK:
        raise api_errors.error_of(response, f"list the tags of {repository!r}")
    try:
        return Fields(decode_object(content)).strings("tags")
    except InvalidManifest as error:
        raise WrongContent(f"the tags of {repository!r}", str(error)) from error


def _valid(page: tuple[str, ...], endpoint: Endpoint, repository: str) -> Iterator[TagName]:
    for text in page:
        if TAG.fullmatch(text):
            yield TagName(text)
        else:
            endpoint.settings.warn(f"{repository!r} has an invalid tag: {text[:128]!r}")
