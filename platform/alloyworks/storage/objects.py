"""The one door to object storage. Only what every S3 can do is used: plain and multipart puts.

Uploads by presigned POST, conditional writes and versions are missing from `rclone serve s3`,
so nothing here needs them: keys are never written twice.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError
from pydantic import SecretStr

from alloyworks.config import config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

PART_BYTES = 16 * 1024**2  # a merge holds several in memory while it writes them
_MOST_PARTS = 10_000  # of one upload, says S3
_CHUNK = 1024**2
_ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}
Told = Callable[[int], None]


class Missing(Exception):
    """There is no such object, or no such upload."""


@dataclass(frozen=True)
class Stat:
    size: int  # bytes


def put_file(key: str, path: Path, told: Told | None = None) -> None:
    """Uploads a file, in parts when it is large. `told` hears how many bytes more went."""
    transfer = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
    _client().upload_file(str(path), config.s3_bucket, key, Config=transfer, Callback=told)


def put_bytes(key: str, data: bytes) -> None:
    _client().put_object(Bucket=config.s3_bucket, Key=key, Body=data)


def get_bytes(key: str, start: int = 0, size: int | None = None) -> bytes:
    """An object, or `size` bytes of it from `start`. Raises Missing."""
    if size is not None and size <= 0:
        return b""
    span = f"bytes={start}-" + ("" if size is None else str(start + size - 1))
    whole = start == 0 and size is None
    with _absence(key):
        if whole:
            answer = _client().get_object(Bucket=config.s3_bucket, Key=key)
        else:
            answer = _client().get_object(Bucket=config.s3_bucket, Key=key, Range=span)
    return answer["Body"].read()


def get_file(key: str, path: Path) -> None:
    """Downloads to `path`, which is complete or absent. Raises Missing."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _absence(key):
            _client().download_file(config.s3_bucket, key, str(draft))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def look(seconds: float) -> None:
    """Whether the storage answers in time and has our bucket. Raises what botocore does."""
    _prober(os.getpid(), seconds).head_bucket(Bucket=config.s3_bucket)


def stat(key: str) -> Stat | None:
    try:
        with _absence(key):
            answer = _client().head_object(Bucket=config.s3_bucket, Key=key)
    except Missing:
        return None
    return Stat(answer["ContentLength"])


def sha256(key: str) -> str:
    """Reads the whole object, a piece at a time. Raises Missing."""
    digest = hashlib.sha256()
    with _absence(key):
        answer = _client().get_object(Bucket=config.s3_bucket, Key=key)
    for piece in answer["Body"].iter_chunks(_CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def presign_get(key: str, seconds: int = 3600, filename: str | None = None) -> str:
    """A URL that reads the object; browsers save it as `filename`."""
    parameters = {"Bucket": config.s3_bucket, "Key": key}
    if filename:
        words = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        parameters["ResponseContentDisposition"] = words
    return _client().generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)


def presign_put(key: str, seconds: int = 3600) -> str:
    parameters = {"Bucket": config.s3_bucket, "Key": key}
    return _client().generate_presigned_url("put_object", Params=parameters, ExpiresIn=seconds)


def part_size(size: int) -> int:
    """In how large parts a file of so many bytes goes up."""
    return max(PART_BYTES, -(-size // _MOST_PARTS))


def start_multipart(key: str) -> str:
    """The id of a new upload in parts; nothing is visible until it is completed."""
    return _client().create_multipart_upload(Bucket=config.s3_bucket, Key=key)["UploadId"]


def presign_part(key: str, upload_id: str, number: int, seconds: int = 3600) -> str:
    """Where part `number` (from 1) is PUT; the answer's ETag is needed to complete."""
    parameters = {
        "Bucket": config.s3_bucket,
        "Key": key,
        "UploadId": upload_id,
        "PartNumber": number,
    }
    return _client().generate_presigned_url("upload_part", Params=parameters, ExpiresIn=seconds)


def complete_multipart(key: str, upload_id: str, etags: list[str]) -> None:
    """Joins the parts. Raises Missing for an unknown upload, unless it was completed before."""
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
    try:
        with _absence(key):
            _client().complete_multipart_upload(
                Bucket=config.s3_bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
            )
    except Missing:
        if stat(key) is None:
            raise


def abort_multipart(key: str, upload_id: str) -> None:
    """Gives up an upload; an unknown one is given up already."""
    try:
        with _absence(key):
            _client().abort_multipart_upload(Bucket=config.s3_bucket, Key=key, UploadId=upload_id)
    except Missing:
        return


def clear_prefix(prefix: str) -> None:
    """Nothing is left below a prefix, which ends with `/`: uploads in parts are given up, too."""
    abort_prefix(prefix)
    delete_prefix(prefix)


def abort_prefix(prefix: str) -> None:
    """Gives up every upload in parts below a prefix, which ends with `/`."""
    for key, upload_id in _uploads(prefix):
        abort_multipart(key, upload_id)


def folders(prefix: str) -> set[str]:
    """The first part of every key below a prefix, of objects and of uploads in parts."""
    keys = [*(key for key, _ in _uploads(prefix)), *_keys(prefix)]
    return {key.removeprefix(prefix).split("/")[0] for key in keys}


def delete_prefix(prefix: str) -> None:
    """Deletes every object below a prefix, which ends with `/`."""
    _check_prefix(prefix)
    pages = _client().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=config.s3_bucket, Prefix=prefix):
        found: list[ObjectIdentifierTypeDef] = [
            {"Key": item["Key"]} for item in page.get("Contents", [])
        ]
        if found:
            _client().delete_objects(Bucket=config.s3_bucket, Delete={"Objects": found})


def _uploads(prefix: str) -> list[tuple[str, str]]:
    """Key and id of those in parts that were begun and not completed."""
    _check_prefix(prefix)
    pages = _client().get_paginator("list_multipart_uploads")
    try:
        with _absence(prefix):
            return [
                (upload["Key"], upload["UploadId"])
                for page in pages.paginate(Bucket=config.s3_bucket, Prefix=prefix)
                for upload in page.get("Uploads", [])
            ]
    except Missing:  # so says rclone when there is none in the whole bucket
        return []


def _keys(prefix: str) -> Iterator[str]:
    pages = _client().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=config.s3_bucket, Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", []))


def any_below(prefix: str) -> bool:
    """Whether there is any object below a prefix, which ends with `/`."""
    _check_prefix(prefix)
    answer = _client().list_objects_v2(Bucket=config.s3_bucket, Prefix=prefix, MaxKeys=1)
    return bool(answer.get("Contents"))


def _check_prefix(prefix: str) -> None:
    if not prefix.endswith("/") or len(prefix) < 2:
        raise ValueError(f"{prefix!r} is no prefix of ours")


def ensure_bucket() -> None:
    """Makes the bucket where it is missing."""
    try:
        with _absence(config.s3_bucket):
            _client().head_bucket(Bucket=config.s3_bucket)
    except Missing:
        _client().create_bucket(Bucket=config.s3_bucket)


def _client() -> "S3Client":
    return _client_of(os.getpid())


@cache
def _client_of(_process: int) -> "S3Client":
    """One a process, shared by its threads: sockets must not cross a fork."""
    return _made({"retries": {"mode": "standard", "max_attempts": 4}, "connect_timeout": 5})


@cache
def _prober(_process: int, seconds: float) -> "S3Client":
    """Asks once, and does not wait for long."""
    return _made(
        {"retries": {"max_attempts": 0}, "connect_timeout": seconds, "read_timeout": seconds}
    )


def _made(patience: dict[str, Any]) -> "S3Client":
    settings = ClientConfig(
        **patience,
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        # Newer checksums in trailers are not understood by every S3.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=config.s3_endpoint_url,
        region_name=config.s3_region,
        aws_access_key_id=_open(config.s3_access_key),
        aws_secret_access_key=_open(config.s3_secret_key),
        config=settings,
    )


def _open(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


@contextmanager
def _absence(name: str) -> Iterator[None]:
    """Says Missing for what S3 says in several ways."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise Missing(name) from None
        raise
