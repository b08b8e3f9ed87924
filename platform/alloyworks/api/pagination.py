"""Cursor pagination: newest first, the cursor is the last id seen (ids sort by time)."""

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from ninja import Query
from pydantic import BaseModel, Field

Row = TypeVar("Row", bound=Model)
Out = TypeVar("Out")
MAX_PAGE = 200

Cursor = Annotated[UUID | None, Query(description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Items a page")]


class Page(BaseModel, Generic[Out]):
    items: list[Out]
    next: UUID | None = Field(description="The cursor of the next page; null at the end")


def page_of(rows: QuerySet[Row], cursor: UUID | None, limit: int) -> tuple[list[Row], UUID | None]:
    """One page of rows and the cursor of the next, None at the end.

    The ids come first: they are read from the tenant's index alone. For whole rows PostgreSQL may
    walk the primary key instead, past everything newer that other tenants have.
    """
    ordered = rows.order_by("-id")
    wanted = ordered if cursor is None else ordered.filter(id__lt=cursor)
    ids = list(wanted.values_list("pk", flat=True)[: limit + 1])
    found = list(ordered.filter(pk__in=ids[:limit]))
    return found, ids[limit - 1] if len(ids) > limit else None
