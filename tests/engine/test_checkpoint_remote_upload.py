"""Models sent part by part while they are written, to a small real HTTP server."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from alloyengine.checkpoint import TensorInfo, Writer
from alloyengine.checkpoint.sink_parts import Part, Parts, Row
from alloyengine.checkpoint.sink_upload import Upload
from alloyengine.errors import Stopped, TransferError
from alloyengine.spec.protocol import UploadPlan, UploadRequest
from tests.engine.platform_standin import PART, Standin, standin

NUMBERS = {name: np.random.default_rng(7).random(40_000, np.float32) for name in ("a", "b", "c")}
LAYOUT = {name: TensorInfo((40_000,), "F32") for name in NUMBERS}


@pytest.fixture
def storage() -> Iterator[Standin]:
    with standin() as server:
        server.multipart = True
        yield server


def upload_to(storage: Standin, folder: Path, **changes: Any) -> Upload:
    def plan(path: str, size: int, upload_id: str | None = None) -> UploadPlan:
        request = UploadRequest(path=path, size=size, upload_id=upload_id)
        return UploadPlan.model_validate(storage.plan(request.model_dump()))

    values = {"plan": plan, "check": lambda: None, "memory": 10 * PART}
    return Upload(folder / "out", **values | changes)


def pieces(order: Random | None = None) -> list[tuple[str, int]]:
    """Where pieces of 1,000 numbers begin, in order or shuffled."""
    found = [(name, start) for name in NUMBERS for start in range(0, 40_000, 1000)]
    if order:
        order.shuffle(found)
    return found


def put_all(writer: Writer, places: list[tuple[str, int]], threads: int = 4) -> None:
    def put(place: tuple[str, int]) -> None:
        name, start = place
        writer.put(name, start, NUMBERS[name][start : start + 1000])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(put, places))


def joined(storage: Standin, upload: Upload, name: str = "model.safetensors") -> bytes:
    count = max((len(parts.etags) for parts in upload.parts if parts.path == name), default=0)
    keys = [f"out/{name}.{number}" for number in range(count)] or [f"out/{name}"]
    return b"".join(storage.storage[key] for key in keys)


@pytest.mark.parametrize("memory", [10 * PART, PART, 1])
@pytest.mark.parametrize("order", [None, Random(1)])
def test_what_is_joined_is_what_was_written(storage, tmp_path, memory, order):
    upload = upload_to(storage, tmp_path, memory=memory)
    with Writer.open(upload, LAYOUT) as writer:
        put_all(writer, pieces(order))
    data = joined(storage, upload)
    assert all(np.array_equal(load(data)[name], wanted) for name, wanted in NUMBERS.items())
    [facts] = upload.files
    assert (facts.size, facts.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_shards_have_a_manifest_and_an_index(storage, tmp_path):
    upload = upload_to(storage, tmp_path)
    with Writer.open(upload, LAYOUT, shard_bytes=170_000) as writer:
        put_all(writer, pieces())
    for facts in upload.files:
        data = joined(storage, upload, facts.path)
        assert hashlib.sha256(data).hexdigest() == facts.sha256
    assert len(upload.files) == 3
    assert [path.name for path in upload.folder.iterdir()] == ["model.safetensors.index.json"]


def test_a_small_file_goes_up_in_one_piece(storage, tmp_path):
    upload = upload_to(storage, tmp_path)
    with Writer.open(upload, {"x": TensorInfo((3,), "F32")}) as writer:
        writer.put("x", 0, np.arange(3, dtype=np.float32))
    assert upload.parts == []
    assert load(joined(storage, upload))["x"].tolist() == [0, 1, 2]


def test_urls_that_are_too_old_are_renewed_for_the_same_upload(storage, tmp_path):
    upload = upload_to(storage, tmp_path)
    with Writer.open(upload, LAYOUT) as writer:
        storage.signature = "2"
        put_all(writer, pieces())
    assert [wanted["upload_id"] for wanted in storage.planned] == [None, "upload"]
    assert hashlib.sha256(joined(storage, upload)).hexdigest() == upload.files[0].sha256


def test_a_failure_that_passes_is_waited_out(storage, tmp_path):
    upload = upload_to(storage, tmp_path)
    storage.failures = 3
    with Writer.open(upload, LAYOUT) as writer:
        put_all(writer, pieces())
    assert hashlib.sha256(joined(storage, upload)).hexdigest() == upload.files[0].sha256


def test_storage_that_refuses_ends_the_writing_without_a_word_of_the_url(storage, tmp_path):
    def plan(path: str, size: int, upload_id: str | None = None) -> UploadPlan:
        urls = [f"{storage.url}/storage/x?wrong"] * 10
        return UploadPlan(urls=urls, part_size=PART, upload_id="u")

    def write() -> None:
        with Writer.open(upload_to(storage, tmp_path, plan=plan), LAYOUT) as writer:
            put_all(writer, pieces())

    words = "^model.safetensors could not be sent: storage answered 403.$"
    with pytest.raises(TransferError, match=words):
        write()


def test_a_file_with_a_gap_is_never_called_complete(storage, tmp_path):
    def write() -> None:
        with Writer.open(upload_to(storage, tmp_path), LAYOUT) as writer:
            put_all(writer, pieces()[:-1])

    with pytest.raises(RuntimeError, match="not written to its end"):
        write()


def test_an_order_to_stop_ends_the_writing(storage, tmp_path):
    stop = Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped("stopped", "Stopped.")

    def write() -> None:
        with Writer.open(upload_to(storage, tmp_path, check=check), LAYOUT) as writer:
            stop.set()
            put_all(writer, pieces())

    with pytest.raises(Stopped):
        write()


def test_writers_wait_while_too_much_is_on_its_way(tmp_path):
    flying: list[Part] = []
    parts = Parts(most=20, folder=tmp_path, check=lambda: None)
    row = Row(size=40, part_size=10, let_go=flying.append)
    parts.write(row, 0, np.zeros(20, np.uint8))
    writer = Thread(target=parts.write, args=(row, 20, np.zeros(10, np.uint8)))
    writer.start()
    writer.join(0.2)
    assert (writer.is_alive(), len(flying)) == (True, 2)
    parts.landed(flying[0])
    writer.join(10)
    assert (writer.is_alive(), len(flying)) == (False, 3)


def test_parts_that_wait_for_earlier_bytes_never_block_those(tmp_path):
    let_go: list[int] = []
    parts = Parts(most=10, folder=tmp_path, check=lambda: None)

    def landed(part: Part) -> None:
        let_go.append(part.number)
        parts.landed(part)

    row = Row(size=50, part_size=10, let_go=landed)
    for number in (4, 3, 2, 1, 0):
        parts.write(row, 10 * number, np.zeros(10, np.uint8))
    assert let_go == [0, 1, 2, 3, 4]
    assert list(tmp_path.iterdir()) == []
