"""Identifiers: UUIDv7, so that rows sort by the time of their making and cursors are ids."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
