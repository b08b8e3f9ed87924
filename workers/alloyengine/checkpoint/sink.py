"""Where the files of a new model go.

<out>.partial/   is filled in any order
<out>/           appears at the end, complete, by one rename
"""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from alloyengine.errors import CapacityError, InputError


class Sink(Protocol):
    """Takes the weights of one model."""

    @property
    def folder(self) -> Path:
        """For the small files beside the weights."""
        ...

    def write(self, name: str, offset: int, data: memoryview) -> None:
        """Safe to call from several threads, in any order; each byte of a file comes once."""
        ...


class Output(Protocol):
    """A place where one new model may be written."""

    @property
    def scratch(self) -> Path:
        """A folder for what is made on the way; it need not exist yet."""
        ...

    @property
    def before(self) -> Path | None:
        """Where an earlier result would be, some of which may be worth keeping."""
        ...

    def open(self, sizes: Mapping[str, int]) -> AbstractContextManager[Sink]:
        """For weights in files of these sizes, in bytes. The model is complete when the body
        ends, and not there when it raises.
        """
        ...


class NewFolder:
    """A folder of this disk, which must have room for all of it from the start. With `replace` an
    earlier folder gives way at the end.
    """

    def __init__(self, out: Path, replace: bool = False) -> None:
        self.before, self._replace = out, replace
        self.scratch = out.with_name(f"{out.name}.stages")

    @contextmanager
    def open(self, sizes: Mapping[str, int]) -> Iterator["_Draft"]:
        if not self._replace:
            check_new(self.before)
        out = self.before
        partial = out.with_name(f"{out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            _check_room(partial, sum(sizes.values()))
            with ExitStack() as closing:
                yield _Draft(partial, sizes, closing)
            _put_in_place(partial, out)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise _full("The disk is full.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def check_new(out: Path) -> None:
    """InputError unless it is a new or empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            "output_exists", f"{out.name} is already there.", "Name a new or empty folder."
        )


def _check_room(folder: Path, size: int) -> None:
    if size > (free := shutil.disk_usage(folder).free):
        raise _full(
            f"The weights take {size / 1e9:.2f} GB, and the disk has {free / 1e9:.2f} GB left."
        )


def _full(detail: str) -> CapacityError:
    return CapacityError("disk_full", detail, "Free some room.")


class _Draft:
    def __init__(self, folder: Path, sizes: Mapping[str, int], closing: ExitStack) -> None:
        self.folder = folder
        self._files: dict[str, int] = {}
        for name in sizes:
            file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            closing.callback(os.close, file)
            self._files[name] = file

    def write(self, name: str, offset: int, data: memoryview) -> None:
        while data:
            count = os.pwrite(self._files[name], data, offset)
            data, offset = data[count:], offset + count


def _put_in_place(partial: Path, out: Path) -> None:
    before = out.with_name(f"{out.name}.before")
    if out.exists():
        out.rename(before)
    partial.rename(out)
    shutil.rmtree(before, ignore_errors=True)
