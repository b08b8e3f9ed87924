"""Rows that were read without Django's help, where its composing of the SQL costs more than the query."""

from typing import Any, TypeVar

from django.db.models import Model

AnyModel = TypeVar("AnyModel", bound=Model)


def as_read(kind: type[AnyModel], **values: Any) -> AnyModel:
    """As if the row had been read with these fields alone; the others are read when they are asked for."""
    fields = [field.attname for field in kind._meta.concrete_fields if field.attname in values]
    return kind.from_db("default", fields, [values[name] for name in fields])
