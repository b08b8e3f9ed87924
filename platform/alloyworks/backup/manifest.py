"""The manifest of a backup."""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from alloyworks.errors import BadRequest

VERSION = 1
NAME = "manifest.json"
Counts = dict[str, dict[str, int]]
"""Rows by organisation and table."""


class Stored(BaseModel):
    """One file of the storage."""

    key: str
    size: int  # bytes
    sha256: str


class Manifest(BaseModel):
    """Written last: a folder without one is no backup."""

    version: int = VERSION
    taken_at: datetime
    server: str  # PostgreSQL's version
    dump_sha256: str
    functions: list[str]  # signatures of those that look across tenants
    queue_columns: list[tuple[str, str]]  # table and column that these may read
    policy_roles: list[str]  # whom policies name
    rows: Counts
    stored: list[Stored]
    missing: list[str] = []

    def words(self) -> str:
        rows = sum(sum(tables.values()) for tables in self.rows.values())
        size = sum(one.size for one in self.stored)
        return (
            f"{len(self.rows)} organisation(s) with {rows:,} rows, "
            f"{len(self.stored):,} stored file(s) of {size / 1e6:,.1f} MB"
        )

    def write(self, folder: Path) -> None:
        draft = folder / f"{NAME}.part"
        draft.write_text(self.model_dump_json(indent=1) + "\n")
        draft.replace(folder / NAME)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        try:
            found = cls.model_validate_json((folder / NAME).read_text())
        except FileNotFoundError:
            raise BadRequest(f"{folder} is no backup: it has no {NAME}.") from None
        except ValidationError as error:
            raise BadRequest(f"{folder / NAME} can't be read: {error}") from None
        if found.version != VERSION:
            raise BadRequest(
                f"{folder} is of version {found.version}; this release reads {VERSION}."
            )
        return found
