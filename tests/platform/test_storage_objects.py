"""The door to object storage, tried on a real S3 server."""

import hashlib
from pathlib import Path

import httpx
import pytest

from alloyworks.ids import new_id
from alloyworks.storage import objects

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def prefix() -> str:
    return f"base/{new_id()}/"


def test_bytes_come_back_as_they_were_put(prefix: str) -> None:
    objects.put_bytes(prefix + "a", b"hello")

    assert objects.get_bytes(prefix + "a") == b"hello"
    assert objects.get_bytes(prefix + "a", 1, 3) == b"ell"
    assert objects.stat(prefix + "a") == objects.Stat(5)
    assert objects.sha256(prefix + "a") == hashlib.sha256(b"hello").hexdigest()


def test_an_absent_object_is_missing(prefix: str, tmp_path: Path) -> None:
    assert objects.stat(prefix + "a") is None
    for read in (objects.get_bytes, objects.sha256):
        with pytest.raises(objects.Missing):
            read(prefix + "a")
    with pytest.raises(objects.Missing):
        objects.get_file(prefix + "a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_large_file_goes_in_parts_and_comes_back(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 5 * 1024**2)
    (tmp_path / "big").write_bytes(bytes(range(256)) * 50_000)

    objects.put_file(prefix + "big", tmp_path / "big")
    objects.get_file(prefix + "big", tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == (tmp_path / "big").read_bytes()


def test_presigned_urls_write_and_read_without_credentials(prefix: str) -> None:
    put = httpx.put(objects.presign_put(prefix + "a.txt"), content=b"hello")
    got = httpx.get(objects.presign_get(prefix + "a.txt", filename="Größe 1.txt"))

    assert (put.status_code, got.status_code, got.content) == (200, 200, b"hello")


def test_a_presigned_url_is_good_for_its_key_and_its_verb_alone(prefix: str) -> None:
    objects.put_bytes(prefix + "a", b"mine")
    url = objects.presign_get(prefix + "a")

    assert httpx.get(url.replace(f"{prefix}a", f"{prefix}b")).status_code == 403
    assert httpx.put(url, content=b"theirs").status_code == 403
    assert objects.get_bytes(prefix + "a") == b"mine"


def test_parts_are_joined_in_order_and_joining_twice_is_harmless(prefix: str) -> None:
    key = prefix + "parts"
    upload = objects.start_multipart(key)
    parts = [b"a" * 5 * 1024**2, b"b"]
    etags = [
        httpx.put(objects.presign_part(key, upload, n), content=part).headers["ETag"]
        for n, part in enumerate(parts, start=1)
    ]

    objects.complete_multipart(key, upload, etags)
    objects.complete_multipart(key, upload, etags)

    assert objects.get_bytes(key) == b"".join(parts)


def test_an_unknown_upload_is_missing_and_can_be_given_up_twice(prefix: str) -> None:
    key = prefix + "parts"
    upload = objects.start_multipart(key)
    objects.abort_multipart(key, upload)
    objects.abort_multipart(key, upload)

    with pytest.raises(objects.Missing):
        objects.complete_multipart(key, upload, ['"x"'])
    assert objects.stat(key) is None


def test_uploads_below_a_prefix_are_given_up(prefix: str) -> None:
    uploads = {prefix + name: objects.start_multipart(prefix + name) for name in ("a", "b/c")}
    other = prefix.rstrip("/") + "-neighbour/a"
    stranger = objects.start_multipart(other)
    urls = {key: objects.presign_part(key, upload, 1) for key, upload in uploads.items()}

    objects.abort_prefix(prefix)
    objects.abort_prefix(prefix)

    assert {httpx.put(url, content=b"x").status_code for url in urls.values()} == {404}
    assert httpx.put(objects.presign_part(other, stranger, 1), content=b"x").status_code == 200


@pytest.mark.parametrize(
    ("size", "part"), [(1, 16 << 20), (10**12, 10**8), (10**12 + 1, 10**8 + 1)]
)
def test_parts_are_as_large_as_their_number_demands(size: int, part: int) -> None:
    assert objects.part_size(size) == part


def test_a_prefix_is_deleted_whole_and_alone(prefix: str) -> None:
    for name in ("a", "b/c", "d"):
        objects.put_bytes(prefix + name, b"x")
    objects.put_bytes(prefix.rstrip("/") + "-neighbour/a", b"x")

    objects.delete_prefix(prefix)
    objects.delete_prefix(prefix)

    assert objects.stat(prefix + "a") is objects.stat(prefix + "b/c") is None
    assert objects.stat(prefix.rstrip("/") + "-neighbour/a")


@pytest.mark.parametrize("prefix", ["", "/", "orgs", "orgs/x"])
def test_half_a_prefix_is_never_deleted(prefix: str) -> None:
    with pytest.raises(ValueError, match="no prefix"):
        objects.delete_prefix(prefix)


def test_the_bucket_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects.config, "s3_bucket", f"bucket-{new_id()}")

    objects.ensure_bucket()
    objects.ensure_bucket()
    objects.put_bytes("a/b", b"x")

    assert objects.get_bytes("a/b") == b"x"
