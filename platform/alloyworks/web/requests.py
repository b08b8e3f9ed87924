"""What several pages read from requests, and answer with."""

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpRequest, HttpResponseRedirect

from alloyworks.catalog.manifest import Download
from alloyworks.errors import NotFound


def cursor_of(request: HttpRequest) -> UUID | None:
    """The page of a list that is wanted; nonsense means the first."""
    try:
        return UUID(request.GET.get("cursor", ""))
    except ValueError:
        return None


def to_file(downloads: Iterable[Download], path: str) -> HttpResponseRedirect:
    """On to storage, by an address that is good for an hour: the page's own link never ages."""
    for download in downloads:
        if download["path"] == path:
            return HttpResponseRedirect(download["url"])
    raise NotFound(f"There is no file {path!r}.")
