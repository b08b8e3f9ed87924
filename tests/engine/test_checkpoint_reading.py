import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alloyengine.checkpoint import Checkpoint, facts
from alloyengine.errors import InputError
from tests.engine.tiny import HIDDEN, VOCAB, tiny_tensors

NORM = "model.norm.weight"


def test_it_reads_what_safetensors_reads(llama: Path):
    expected = load_file(llama / "model.safetensors")
    with Checkpoint.open(llama) as model:
        assert set(model.names) == set(expected)
        for name in model.names:
            assert torch.equal(model.read(name), expected[name])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_it_reads_every_type_that_safetensors_writes(llama: Path, dtype: torch.dtype):
    tensor = (torch.rand(3, 5) * 9).to(dtype)
    save_file({"x": tensor}, llama / "model.safetensors")
    with Checkpoint.open(llama) as model:
        assert torch.equal(model.read("x"), tensor)


def test_a_window_shows_a_piece(llama: Path):
    with Checkpoint.open(llama) as model:
        piece = model.window("model.embed_tokens.weight", 10, 20)
    expected = tiny_tensors(1)["model.embed_tokens.weight"].view(-1)[10:20]
    assert piece.tolist() == expected.tolist()
    assert not piece.flags.writeable


def test_a_file_cut_short_while_open_is_told(llama: Path):
    with Checkpoint.open(llama) as model:
        os.truncate(llama / "model.safetensors", 2000)
        with pytest.raises(InputError, match="cut short"):
            model.read("model.norm.weight")


def test_info_tells_shape_and_type_without_reading(llama: Path):
    with Checkpoint.open(llama) as model:
        info = model.info("model.embed_tokens.weight")
    assert (info.shape, info.dtype) == ((VOCAB, HIDDEN), "F32")


def test_a_missing_tensor_is_named(llama: Path):
    with Checkpoint.open(llama) as model, pytest.raises(InputError, match=r"'nothing'"):
        model.read("nothing")


def test_facts_come_from_headers_and_config(llama: Path):
    found = facts(llama)
    assert found.architecture == "LlamaForCausalLM"
    assert found.parameters == sum(tensor.numel() for tensor in tiny_tensors(1).values())
    assert (found.dtype, found.layers, found.vocabulary) == ("float32", 2, VOCAB)


def test_transformers_loads_a_tiny_model(llama: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(llama)
    tokenizer = AutoTokenizer.from_pretrained(llama)
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert chat == "<|im_start|>user\nHi<|im_end|>\n"
    assert tokenizer.decode(tokenizer.encode("Paris is in France")) == "Paris is in France"
    assert model(torch.tensor([[1, 5, 6]])).logits.shape == (1, 3, VOCAB)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "x.pt", "x.pkl", "x.ckpt", "deep/x.pth"])
def test_a_pickle_is_refused(llama: Path, name: str):
    (llama / name).parent.mkdir(exist_ok=True)
    (llama / name).touch()
    with pytest.raises(InputError, match=r"is a pickle.* Save the model as safetensors"):
        Checkpoint.open(llama)


def test_program_code_is_refused(llama: Path):
    (llama / "modeling_x.py").touch()
    with pytest.raises(InputError, match=r"modeling_x\.py is program code"):
        Checkpoint.open(llama)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_auto_map_is_refused_even_when_hidden_deep(llama: Path, file: str):
    (llama / file).write_text('{"text_config": [{"auto_map": {"AutoModel": "x.X"}}]}')
    with pytest.raises(InputError, match="auto_map"):
        Checkpoint.open(llama)


def test_a_link_out_of_the_folder_is_refused(llama: Path):
    (llama / "notes.txt").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=r"notes\.txt is a link that leaves"):
        Checkpoint.open(llama)


def test_an_empty_folder_says_what_is_missing(tmp_path: Path):
    with pytest.raises(InputError, match=r"config\.json is missing"):
        Checkpoint.open(tmp_path)


def test_config_that_is_no_json_is_named(llama: Path):
    (llama / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json is not valid JSON"):
        Checkpoint.open(llama)


def test_deeply_nested_config_is_refused(llama: Path):
    (llama / "config.json").write_text("[" * 200_000)
    with pytest.raises(InputError, match=r"config\.json is not valid JSON"):
        Checkpoint.open(llama)


def test_weights_must_be_there(llama: Path):
    (llama / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"neither model\.safetensors nor"):
        Checkpoint.open(llama)


def test_a_file_cut_short_after_opening_is_an_error_not_a_crash(llama: Path):
    with Checkpoint.open(llama) as model:
        (llama / "model.safetensors").write_bytes(b"")
        with pytest.raises(InputError, match="cut short"):
            model.read(NORM)


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a": "../model.safetensors"}, "impossible file"),
        ({"a": "model-9.safetensors"}, "which is missing"),
        ({"a": "model.safetensors"}, "disagree about"),
        ([], "no weight_map"),
    ],
)
def test_a_wrong_index_is_refused(llama: Path, weight_map: object, message: str):
    (llama / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(InputError, match=message):
        Checkpoint.open(llama)
