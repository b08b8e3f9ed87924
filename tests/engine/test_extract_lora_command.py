import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from alloyengine.checkpoint.adapter import Adapter
from alloyengine.cli.extract_lora import extract_lora
from alloyengine.errors import InputError


def invoke(*words: object):
    app = typer.Typer()
    app.command()(extract_lora)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_an_adapter_is_made_and_its_energy_told(three_llamas: dict[str, Path], tmp_path: Path):
    out = tmp_path / "adapter"
    result = invoke(
        three_llamas["first"], "--base", three_llamas["base"], "--out", out, "--rank", 4
    )
    assert result.exit_code == 0
    assert "self_attn.q_proj" in result.stderr
    assert "Left out, though changed (1): model.embed_tokens.weight" in result.stderr
    assert Adapter.open(out).touches("model.layers.0.self_attn.q_proj.weight")
    kept = json.loads((out / "extraction.json").read_text())["kept"]
    assert f"{kept:.1%}" in result.stderr


def test_an_existing_folder_is_not_overwritten(three_llamas: dict[str, Path], tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    result = invoke(
        three_llamas["first"], "--base", three_llamas["base"], "--out", tmp_path / "full"
    )
    assert isinstance(result.exception, InputError)
    assert "already there" in str(result.exception)
    assert (tmp_path / "full" / "precious").exists()


def test_rank_and_energy_together_keep_to_both(three_llamas: dict[str, Path], tmp_path: Path):
    words = (three_llamas["first"], "--base", three_llamas["base"], "--out", tmp_path / "adapter")
    result = invoke(*words, "--rank", 6, "--energy", 0.2)
    assert result.exit_code == 0
    found = json.loads((tmp_path / "adapter" / "extraction.json").read_text())
    ranks = {tensor["rank"] for tensor in found["tensors"] if tensor["fate"] == "lora"}
    assert max(ranks) <= 6
    assert all(t["kept"] >= 0.2 for t in found["tensors"] if t["fate"] == "lora" and t["rank"] < 6)
