"""A model whose weights stay in object storage: read by ranges of bytes, through presigned URLs.

What a range can show is checked: the length and the version (ETag, or else the date) of the file with
every answer, the safetensors header as for files on a disk. Its SHA-256 would take the whole file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from threading import Lock

import httpx
import numpy as np

from alloyengine.checkpoint.reader import Checkpoint
from alloyengine.checkpoint.remote_blocks import Blocks
from alloyengine.checkpoint.remote_http import memory
from alloyengine.errors import InputError, TransferError
from alloyengine.retry import is_refused, persistently, words
from alloyengine.spec.protocol import RemoteFile

Urls = Callable[[], Mapping[str, str]]
"""Fresh URLs of a model's files, by path."""
_PATIENCE = 600.0  # seconds


@dataclass(frozen=True)
class RemoteModel:
    """Opens a model whose small files are in `folder` already."""

    folder: Path
    weights: Sequence[RemoteFile]
    blocks: Blocks
    urls: Urls

    def open(self) -> Checkpoint:
        """As `Checkpoint.open`; also raises TransferError."""
        return Checkpoint.over(self.folder, Remote(self.weights, self.blocks, self.urls))


class Remote:
    """The `Files` behind URLs. Safe to read from several threads."""

    def __init__(self, weights: Sequence[RemoteFile], blocks: Blocks, urls: Urls) -> None:
        self._blocks = blocks
        self._files = {file.path: _File(file, blocks, urls) for file in weights}

    def size(self, name: str) -> int | None:
        file = self._files.get(name)
        return file.size if file else None

    def read(self, name: str, offset: int, size: int) -> np.ndarray:
        file = self._files[name]
        if offset + size > file.size:
            raise InputError("checkpoint_damaged", f"{name} ends at byte {file.size}.")
        if size == 0:
            return np.empty(0, np.uint8)
        block = self._blocks.size
        first, last = offset // block, (offset + size - 1) // block
        blocks = self._blocks.get(file, first, last)
        begin, end = offset - first * block, offset + size - last * block
        if first == last:
            return blocks[0][begin:end]
        return np.concatenate([blocks[0][begin:], *blocks[1:-1], blocks[-1][:end]])

    def fill(self, name: str, offset: int, memory: memoryview) -> None:
        np.frombuffer(memory, np.uint8)[:] = self.read(name, offset, len(memory))

    def close(self) -> None:
        for file in self._files.values():
            self._blocks.forget(file)


class _File:
    """One file of weights."""

    def __init__(self, file: RemoteFile, blocks: Blocks, urls: Urls) -> None:
        self.name, self.size = file.path, file.size
        self._url, self._urls, self._renewing = file.url, urls, Lock()
        self._storage, self._check, self._block = blocks.storage, blocks.check, blocks.size
        self._version: str | None = None

    def fetch(self, number: int) -> np.ndarray:
        """A whole block, not to be written to. Raises TransferError."""
        begin = number * self._block
        target = memory(min(self._block, self.size - begin))
        try:
            persistently(lambda: self._fill(target, begin), _PATIENCE, self._check)
        except httpx.HTTPError as error:
            raise self._wrong(f"could not be read: {words(error)}") from None
        target.flags.writeable = False
        return target

    def _fill(self, target: np.ndarray, begin: int) -> None:
        url = self._url
        try:
            self._get(url, target, begin)
        except httpx.HTTPStatusError as error:
            if not is_refused(error):
                raise
            self._get(self._renewed(url), target, begin)

    def _renewed(self, url: str) -> str:
        """URLs are good for some hours only; a merge may take longer."""
        with self._renewing:
            if self._url == url:  # else another thread was faster
                self._url = self._urls()[self.name]
            return self._url

    def _get(self, url: str, target: np.ndarray, begin: int) -> None:
        promised = f"bytes {begin}-{begin + target.size - 1}/{self.size}"
        self._storage.get(url, begin, target, lambda headers: self._examine(headers, promised))

    def _examine(self, headers: Message, promised: str) -> None:
        """Is it the range that was asked for, of a file that is still the same?"""
        found = headers.get("Content-Range", "the whole file")
        if found != promised:
            raise self._wrong(f"came as {found!r} where {promised!r} was promised")
        version = headers.get("ETag", "").strip('"') or headers.get("Last-Modified", "")
        if self._version is None:
            self._version = version
        if self._version != version:
            raise self._wrong("changed while it was read")

    def _wrong(self, what: str) -> TransferError:
        return TransferError("transfer_failed", f"{self.name} {what}.")
