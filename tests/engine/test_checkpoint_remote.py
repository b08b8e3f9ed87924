"""Models read by ranges of bytes, from a small real HTTP server that can misbehave."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import torch

from alloyengine.checkpoint import Checkpoint, Writer, copy_companions
from alloyengine.checkpoint.remote import RemoteModel
from alloyengine.checkpoint.remote_blocks import Blocks
from alloyengine.errors import InputError, Stopped, TransferError
from alloyengine.spec.protocol import RemoteFile
from tests.engine.platform_standin import Standin, standin

WEIGHTS = "model.safetensors"
KEY = f"inputs/m/{WEIGHTS}"
BLOCK = 4096


@pytest.fixture
def storage() -> Iterator[Standin]:
    with standin() as server:
        yield server


@pytest.fixture
def blocks() -> Iterator[Blocks]:
    with Blocks(check=lambda: None, block=BLOCK) as blocks:
        yield blocks


def stored(storage: Standin, blocks: Blocks, folder: Path) -> RemoteModel:
    """The model with its weights moved into storage."""
    for path in list(folder.glob("*.safetensors")):
        storage.storage[f"inputs/m/{path.name}"] = path.read_bytes()
        path.unlink()

    def urls() -> dict[str, str]:
        storage.renewals += 1
        prefix = "inputs/m/"
        names = [key.removeprefix(prefix) for key in storage.storage if key.startswith(prefix)]
        return {name: f"{storage.url}/storage/{prefix}{name}?{storage.signature}" for name in names}

    files = [
        RemoteFile(path=name, size=len(storage.storage[f"inputs/m/{name}"]), sha256="0" * 64, url=u)
        for name, u in urls().items()
    ]
    storage.renewals = 0
    return RemoteModel(folder, files, blocks, urls)


def everything(model: Checkpoint) -> dict[str, torch.Tensor]:
    return {name: model.read(name) for name in model.names}


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_every_tensor_is_what_the_folder_has(llama, storage, blocks):
    with Checkpoint.open(llama) as local:
        wanted, config = everything(local), local.config
    with Checkpoint.open(stored(storage, blocks, llama)) as model:
        assert_equal(everything(model), wanted)
        assert model.config == config


def test_shards_are_found_by_their_index(llama, storage, blocks, tmp_path):
    with Checkpoint.open(llama) as local:
        wanted = everything(local)
        with Writer.open(tmp_path / "sharded", local.tensors, shard_bytes=20_000) as writer:
            for name, tensor in wanted.items():
                writer.write(name, tensor)
            copy_companions(llama, writer.folder)
    with Checkpoint.open(stored(storage, blocks, tmp_path / "sharded")) as model:
        assert_equal(everything(model), wanted)
        assert len({model.place(name).shard for name in model.names}) > 2


def test_several_threads_read_the_same_bytes_over_the_line_once(llama, storage, blocks):
    with Checkpoint.open(stored(storage, blocks, llama)) as model:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: everything(model), range(8)))
        assert blocks.fetched == len(storage.storage[KEY])


def test_memory_is_bounded_and_what_was_dropped_is_fetched_again(llama, storage):
    with Blocks(lambda: None, memory=4 * BLOCK, block=BLOCK) as blocks:
        with Checkpoint.open(stored(storage, blocks, llama)) as model:
            first, second = everything(model), everything(model)
            assert_equal(first, second)
            assert blocks.kept <= 4 * BLOCK
        assert blocks.fetched > len(storage.storage[KEY])


def test_urls_that_are_too_old_are_renewed_once_for_all_threads(llama, storage, blocks):
    with Checkpoint.open(stored(storage, blocks, llama)) as model:
        storage.signature = "2"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(model.read, model.names))
    assert storage.renewals == 1


def test_what_stays_forbidden_is_told_without_the_url(llama, storage, blocks):
    model = stored(storage, blocks, llama)
    signed = model.weights[0].url
    storage.signature = "2"
    refused = RemoteModel(llama, model.weights, blocks, urls=lambda: {WEIGHTS: signed})
    with pytest.raises(
        TransferError, match=f"^{WEIGHTS} could not be read: storage answered 403.$"
    ):
        refused.open()


def test_a_failure_that_passes_is_waited_out(llama, storage, blocks):
    model = stored(storage, blocks, llama)
    storage.failures = 2
    with Checkpoint.open(model) as opened:
        assert len(everything(opened)) > 1


def test_weights_that_change_while_they_are_read_are_noticed(llama, storage, blocks):
    with Checkpoint.open(stored(storage, blocks, llama)) as model:
        changed = bytearray(storage.storage[KEY])
        changed[-1] ^= 1
        storage.storage[KEY] = bytes(changed)
        with pytest.raises(TransferError, match="changed while it was read"):
            everything(model)


def test_weights_of_another_length_than_promised_are_noticed(llama, storage, blocks):
    model = stored(storage, blocks, llama)
    storage.storage[KEY] += b"x"
    with pytest.raises(TransferError, match="was promised"):
        model.open()


def test_storage_that_knows_no_ranges_is_not_believed(llama, storage, blocks):
    model = stored(storage, blocks, llama)
    storage.rangeless = True
    with pytest.raises(TransferError, match="came as 'the whole file'"):
        model.open()


def test_a_lying_header_is_refused_as_on_a_disk(llama, storage, blocks):
    path = llama / WEIGHTS
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(InputError, match="the header claims 1099511627776 bytes"):
        stored(storage, blocks, llama).open()


def test_a_pickle_beside_remote_weights_is_refused(llama, storage, blocks):
    (llama / "evil.bin").touch()
    with pytest.raises(InputError, match="pickle"):
        stored(storage, blocks, llama).open()


def test_an_index_may_name_no_file_that_is_not_there(llama, storage, blocks):
    index = {"weight_map": {"x": "model-00001-of-00001.safetensors"}}
    (llama / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="which is missing"):
        stored(storage, blocks, llama).open()


def test_an_order_to_stop_ends_the_waiting(llama, storage):
    stop = Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped("stopped", "Stopped.")

    with Blocks(check, block=BLOCK) as blocks:
        model = stored(storage, blocks, llama)
        storage.failures = 10**9
        stop.set()
        with pytest.raises(Stopped):
            model.open()
