"""Models read from the real store by ranges, and written to it part by part."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from alloyengine.checkpoint import Checkpoint, TensorInfo, Writer
from alloyengine.checkpoint.remote import RemoteModel
from alloyengine.checkpoint.remote_blocks import Blocks
from alloyengine.checkpoint.sink_upload import Upload
from alloyengine.spec.protocol import RemoteFile, UploadPlan
from alloyworks.ids import new_id
from alloyworks.storage import objects
from tests.engine.tiny import tiny_llama

pytestmark = pytest.mark.usefixtures("db")
WEIGHTS = "model.safetensors"


@pytest.fixture
def prefix() -> str:
    objects.ensure_bucket()
    return f"base/{new_id()}/"


def test_a_model_in_the_store_is_read_by_ranges(prefix: str, tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "llama", seed=1)
    with Checkpoint.open(folder) as model:
        wanted = {name: model.window(name, 0, 8).copy() for name in model.names}
    key, size = prefix + WEIGHTS, (folder / WEIGHTS).stat().st_size
    objects.put_file(key, folder / WEIGHTS)
    (folder / WEIGHTS).unlink()

    file = RemoteFile(path=WEIGHTS, size=size, sha256="0" * 64, url=objects.presign_get(key))
    with Blocks(lambda: None, block=4096) as blocks:
        remote = RemoteModel(folder, [file], blocks, urls=dict)
        with Checkpoint.open(remote) as model:
            found = {name: model.window(name, 0, 8) for name in wanted}

    assert all(np.array_equal(found[name], numbers) for name, numbers in wanted.items())


def test_urls_of_the_store_that_are_too_old_are_renewed(prefix: str, tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "llama", seed=1)
    key, size = prefix + WEIGHTS, (folder / WEIGHTS).stat().st_size
    objects.put_file(key, folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    stale = objects.presign_get(key, seconds=-60)

    file = RemoteFile(path=WEIGHTS, size=size, sha256="0" * 64, url=stale)
    with Blocks(lambda: None) as blocks:
        remote = RemoteModel(folder, [file], blocks, lambda: {WEIGHTS: objects.presign_get(key)})
        assert len(Checkpoint.open(remote).names) > 1


@pytest.mark.parametrize("first_are_good_for", [3600, -60])
def test_a_model_is_written_to_the_store_part_by_part(
    prefix: str, tmp_path: Path, first_are_good_for: int
) -> None:
    numbers = np.random.default_rng(1).random(12_000_000, np.float32)

    def plan(path: str, size: int, upload_id: str | None = None) -> UploadPlan:
        seconds = 3600 if upload_id else first_are_good_for
        upload = upload_id or objects.start_multipart(prefix + path)
        count = -(-size // objects.part_size(size))
        urls = [objects.presign_part(prefix + path, upload, n + 1, seconds) for n in range(count)]
        return UploadPlan(urls=urls, part_size=objects.part_size(size), upload_id=upload)

    upload = Upload(tmp_path / "out", plan, check=lambda: None)
    with Writer.open(upload, {"x": TensorInfo(numbers.shape, "F32")}) as writer:
        for start in range(0, numbers.size, 1_000_000):
            writer.put("x", start, numbers[start : start + 1_000_000])
    [parts], [facts] = upload.parts, upload.files
    assert objects.stat(prefix + WEIGHTS) is None
    objects.complete_multipart(prefix + WEIGHTS, parts.upload_id, parts.etags)

    assert len(parts.etags) == 3
    data = objects.get_bytes(prefix + WEIGHTS)
    assert (facts.size, facts.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert list((tmp_path / "out").iterdir()) == []
