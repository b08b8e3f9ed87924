import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from alloyengine.checkpoint import Checkpoint, TensorInfo, Writer, copy_companions, write
from alloyengine.errors import InputError

TENSORS = {
    "odd": torch.arange(5, dtype=torch.uint8),
    "half": torch.randn(3, 4).to(torch.bfloat16),
    "full": torch.randn(7),
    "none": torch.empty(0, 4),
}


def test_safetensors_reads_what_it_writes(llama: Path, tmp_path: Path):
    write(tmp_path / "out", TENSORS, llama)
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in TENSORS.items())


def test_shards_and_their_index_read_back_equal(llama: Path, tmp_path: Path):
    with Checkpoint.open(llama) as source:
        layout = {name: source.info(name) for name in source.names}
        with Writer.open(tmp_path / "out", layout, shard_bytes=20_000) as writer:
            for name in source.names:
                writer.write(name, source.read(name))
            copy_companions(llama, writer.folder)
        with Checkpoint.open(tmp_path / "out") as copy:
            assert all(torch.equal(copy.read(name), source.read(name)) for name in layout)
    shards = sorted(path.name for path in (tmp_path / "out").glob("*.safetensors"))
    assert shards[0] == f"model-00001-of-{len(shards):05}.safetensors"
    assert len(shards) > 2


def test_pieces_come_in_any_order(llama: Path, tmp_path: Path):
    with Writer.open(tmp_path / "out", {"x": TensorInfo((2, 3), "F32")}) as writer:
        writer.put("x", 4, np.float32([4, 5]))
        writer.put("x", 0, np.float32([0, 1, 2, 3]))
    found = load_file(tmp_path / "out" / "model.safetensors")["x"]
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_nothing_is_left_when_writing_fails(tmp_path: Path):
    def fail() -> None:
        with Writer.open(tmp_path / "out", {"x": TensorInfo((2,), "F32")}):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_model_is_never_overwritten(llama: Path):
    with pytest.raises(InputError, match="llama is already there"):
        write(llama, TENSORS, llama)


def test_the_config_can_be_replaced(llama: Path, tmp_path: Path):
    copy_companions(llama, tmp_path, {"dtype": "bfloat16"})
    assert json.loads((tmp_path / "config.json").read_text()) == {"dtype": "bfloat16"}
    assert (tmp_path / "tokenizer.json").is_file()
