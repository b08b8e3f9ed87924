"""Identifiers: UUIDv7, so that rows sort by the time of their making and cursors are ids."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()


def first_id_of(moment: datetime) -> UUID:
    """The smallest id of that millisecond: what is older has a smaller one."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
