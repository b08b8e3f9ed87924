"""The broker, the object storage, mails, and the disk of this machine."""

import shutil
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from redis.exceptions import RedisError

from alloyworks.config import config
from alloyworks.doctor.findings import Findings, ok, problem, warning
from alloyworks.embedded import health
from alloyworks.ids import new_id
from alloyworks.storage import objects

ROOM_NOTICED, ROOM_WRONG = 10e9, 1e9  # bytes free
_SECONDS = 5


def broker() -> Findings:
    try:
        health.broker(config.redis_url)
    except (RedisError, OSError, ValueError) as error:
        yield problem(
            "broker",
            f"It does not answer: {error}",
            "Check ALLOY_BROKER_URL and the server. Jobs wait until it is back.",
        )
    else:
        yield ok("broker", "answers")


def storage() -> Findings:
    """Writes, reads and removes a probe, as jobs and browsers do, under a prefix of its own."""
    prefix = f"doctor/{new_id()}/"
    try:
        for words in _probed(prefix):
            yield ok("storage", words)
    except (BotoCoreError, ClientError, objects.Missing, httpx.HTTPError, ValueError) as error:
        yield problem(
            "storage",
            f"{type(error).__name__}: {error}",
            "Check the ALLOY_S3_… settings; the keys need to get, put, list and delete objects "
            "and uploads in parts in the bucket.",
        )
    finally:
        _tidy(prefix)


def _probed(prefix: str) -> list[str]:
    data = b"A probe of alloy doctor; it may be deleted."
    objects.put_bytes(f"{prefix}plain", data)
    _same(objects.get_bytes(f"{prefix}plain"), data)
    _same(httpx.get(objects.presign_get(f"{prefix}plain"), timeout=_SECONDS).content, data)
    upload = objects.start_multipart(f"{prefix}parts")
    url = objects.presign_part(f"{prefix}parts", upload, 1)
    etag = httpx.put(url, content=data, timeout=_SECONDS).raise_for_status().headers["ETag"]
    objects.complete_multipart(f"{prefix}parts", upload, [etag])
    _same(objects.get_bytes(f"{prefix}parts"), data)
    objects.delete_prefix(prefix)
    if objects.stat(f"{prefix}plain") is not None:
        raise ValueError("a deleted object is still there")
    return ["puts, gets, uploads in parts and deletes", "signed URLs work from here"]


def _same(found: bytes, sent: bytes) -> None:
    if found != sent:
        raise ValueError(f"{len(found)} bytes came back that were not sent")


def _tidy(prefix: str) -> None:
    try:
        objects.delete_prefix(prefix)
    except (BotoCoreError, ClientError):
        return  # said already, by what failed before


def mails() -> Findings:
    if config.email_dir:
        yield ok("mail", f"becomes files in {config.email_dir}")
        return
    server = urlsplit(config.email_url)
    address = (server.hostname or "localhost", server.port or 25)
    try:
        socket.create_connection(address, timeout=_SECONDS).close()
    except OSError as error:
        yield warning(
            "mail",
            f"No mail server answers at {address[0]}:{address[1]}: {error}.",
            "Set ALLOY_EMAIL_URL; invitations and notes wait for a day, then they are given up.",
        )
    else:
        yield ok("mail", f"{address[0]}:{address[1]} answers")


def disk() -> Findings:
    """Where this machine keeps logs, scratch and, embedded, everything."""
    folders = {config.state_dir.resolve(), Path(tempfile.gettempdir()).resolve()}
    for folder in sorted(folders):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        words = f"{free / 1e9:,.1f} GB free in {folder}"
        if free < ROOM_NOTICED:
            make = problem if free < ROOM_WRONG else warning
            yield make("disk", f"{words}.", "Make room, or move ALLOY_STATE_DIR or TMPDIR.")
        else:
            yield ok("disk", words)
