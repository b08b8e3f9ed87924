import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from alloyengine.errors import InputError, Stopped
from alloyengine.moe.run import Options
from alloyengine.report import Silent
from tests.engine.adapting import factors, write_adapter
from tests.engine.tiny import tiny_llama
from tests.engine.upcycling import config_of, dense, family, loaded, recipe, upcycled

GATE, UP, DOWN = (f"model.layers.1.mlp.{name}_proj.weight" for name in ("gate", "up", "down"))
EXPERT = "model.layers.1.block_sparse_moe.experts"


class Hearing(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.reports: dict[str, Any] = {}

    def log(self, message: str, level: Any = "info") -> None:
        self.said.append(message)

    def report(self, name: str, data: dict[str, Any]) -> None:
        self.reports[name] = data


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_experts_are_copied_and_all_else_is_the_bases(
    three_llamas: dict[str, Path], tmp_path: Path
):
    upcycled(recipe("first", "second"), three_llamas, tmp_path / "out")
    found = weights(tmp_path / "out")
    base, first, second = (weights(path) for path in three_llamas.values())
    for number, model in enumerate((first, second)):
        assert torch.equal(found[f"{EXPERT}.{number}.w1.weight"], model[GATE])
        assert torch.equal(found[f"{EXPERT}.{number}.w3.weight"], model[UP])
        assert torch.equal(found[f"{EXPERT}.{number}.w2.weight"], model[DOWN])
    kept = [name for name in base if ".mlp." not in name]
    assert all(torch.equal(found[name], base[name]) for name in kept)
    assert len(found) == len(kept) + 2 * (6 + 1)


def test_residual_scale_is_of_the_experts_output(three_llamas: dict[str, Path], tmp_path: Path):
    wanted = recipe("first", "second")
    wanted["experts"][1]["residual_scale"] = 0.25
    upcycled(wanted, three_llamas, tmp_path / "out")
    found, second = weights(tmp_path / "out"), weights(three_llamas["second"])
    assert torch.equal(found[f"{EXPERT}.1.w2.weight"], second[DOWN] * 0.25)
    assert torch.equal(found[f"{EXPERT}.1.w1.weight"], second[GATE])


def noisy(seed: int = 0) -> dict[str, Any]:
    wanted = recipe("first", "first", gate_mode="random", seed=seed)
    for expert in wanted["experts"]:
        expert["noise_scale"] = 0.01
    return wanted


def test_noise_is_normal_and_of_each_expert_its_own(three_llamas: dict[str, Path], tmp_path: Path):
    upcycled(noisy(), three_llamas, tmp_path / "out")
    found, first = weights(tmp_path / "out"), weights(three_llamas["first"])
    one, two = (found[f"{EXPERT}.{n}.w1.weight"] - first[GATE] for n in (0, 1))
    assert one.std().item() == pytest.approx(0.01, rel=0.05)
    assert abs(one.mean().item()) < 1e-3
    assert abs(torch.corrcoef(torch.stack([one.flatten(), two.flatten()]))[0, 1].item()) < 0.1


def test_noise_follows_from_the_seed_alone(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    upcycled(noisy(), three_llamas, tmp_path / "whole")
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.block", 100)
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.chunk", 300)
    monkeypatch.setattr("alloyengine.moe.source._SPAN", 64)
    for threads in (1, 5):
        options = Options(threads=threads)
        upcycled(noisy(), three_llamas, tmp_path / str(threads), options=options)
    one, five = weights(tmp_path / "1"), weights(tmp_path / "5")
    assert all(torch.equal(one[name], five[name]) for name in one)
    upcycled(noisy(seed=1), three_llamas, tmp_path / "other")
    name = f"{EXPERT}.0.w1.weight"
    assert not torch.equal(weights(tmp_path / "whole")[name], weights(tmp_path / "other")[name])


def test_blocks_and_spans_of_noise_do_not_meet_badly(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    upcycled(noisy(), three_llamas, tmp_path / "whole")
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.block", 70)
    upcycled(noisy(), three_llamas, tmp_path / "pieces")
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "pieces")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_stacks_are_the_same_in_blocks_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inputs = family(tmp_path, "granite")
    wanted = recipe("first", "second", gate_mode="random")
    upcycled(wanted, inputs, tmp_path / "whole")
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.block", 32 * 5)
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.chunk", 32 * 50)
    upcycled(wanted, inputs, tmp_path / "pieces")
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "pieces")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_type_is_the_one_that_is_asked_for(three_llamas: dict[str, Path], tmp_path: Path):
    result = upcycled(recipe("first", "second", dtype="bfloat16"), three_llamas, tmp_path / "out")
    assert {weight.dtype for weight in weights(tmp_path / "out").values()} == {torch.bfloat16}
    assert (result.facts.dtype, config_of(tmp_path / "out")["dtype"]) == ("bfloat16", "bfloat16")


def test_an_expert_may_have_an_adapter(three_llamas: dict[str, Path], tmp_path: Path):
    adapter = write_adapter(
        tmp_path / "adapter", factors("model.layers.1.mlp.gate_proj", 2, 32, 48)
    )
    inputs = three_llamas | {"adapter": adapter}
    upcycled(recipe("first+adapter", "second"), inputs, tmp_path / "out")
    found = weights(tmp_path / "out")
    low = factors("model.layers.1.mlp.gate_proj", 2, 32, 48)
    down, up = low.values()
    expected = weights(three_llamas["first"])[GATE] + 2 * up @ down
    torch.testing.assert_close(found[f"{EXPERT}.0.w1.weight"], expected)


def test_several_files_are_one_model(three_llamas: dict[str, Path], tmp_path: Path):
    upcycled(
        recipe("first", "second"),
        three_llamas,
        tmp_path / "out",
        options=Options(shard_bytes=30_000),
    )
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 2
    assert loaded(tmp_path / "out").config.num_local_experts == 2


def test_what_belongs_beside_the_weights_is_there(three_llamas: dict[str, Path], tmp_path: Path):
    result = upcycled(recipe("first", "second", "base"), three_llamas, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"config.json", "tokenizer.json", "tokenizer_config.json", "README.md"}
    size = sum(weight.numel() for weight in weights(tmp_path / "out").values())
    idle = sum(weights(three_llamas["base"])[name].numel() for name in (GATE, UP, DOWN)) * 2
    assert (result.facts.parameters, result.active_parameters) == (size, size - idle)


def test_the_card_names_parents_and_recipe(three_llamas: dict[str, Path], tmp_path: Path):
    upcycled(recipe("first", "second"), three_llamas, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(card.split("\n---\n")[0])
    assert front["base_model"] == ["base", "first", "second"]
    assert front["tags"] == ["moe", "merge", "alloyworks"]
    assert "| 0 | `first` | 1 | 0 |" in card
    assert yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])["base_model"] == "base"


def test_prompts_on_a_card_of_paths_name_no_machine(llama: Path, tmp_path: Path):
    other = tiny_llama(tmp_path / "other", 2)
    wanted = recipe(str(llama), str(other)) | {"base_model": str(llama)}
    upcycled(wanted, {str(llama): llama, str(other): other}, tmp_path / "out")
    assert str(tmp_path) not in (tmp_path / "out" / "README.md").read_text()


def test_balance_is_told(three_llamas: dict[str, Path], tmp_path: Path):
    report = Hearing()
    upcycled(recipe("first", "second"), three_llamas, tmp_path / "out", report)
    told = report.reports["balance"]
    assert told["experts"] == ["first", "second"]
    assert [sum(layer["weight"]) for layer in told["layers"]] == pytest.approx([1, 1])
    assert any("the answers are of: first" in words for words in report.said)


def test_without_prompts_there_is_no_balance_to_tell(three_llamas: dict[str, Path], tmp_path: Path):
    report = Hearing()
    upcycled(recipe("first", "second", gate_mode="random"), three_llamas, tmp_path / "out", report)
    assert report.reports == {}


def test_a_balance_that_can_not_be_measured_costs_nobody_the_model(
    three_llamas: dict[str, Path], tmp_path: Path
):
    (three_llamas["base"] / "tokenizer.json").write_text("{}")
    report, options = Hearing(), Options(text="words")
    wanted = recipe("first", "second", gate_mode="random")
    upcycled(wanted, three_llamas, tmp_path / "out", report, options)
    assert (tmp_path / "out" / "model.safetensors").exists()
    assert any("Balance was not measured" in words for words in report.said)


# What does not fit


def differing(folder: Path, **changes: torch.Tensor) -> None:
    file = folder / "model.safetensors"
    save_file(load_file(file) | changes, file)


def with_config(folder: Path, **changes: Any) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))


def refused(message: str, inputs: dict[str, Path], out: Path, **more: Any) -> None:
    with pytest.raises(InputError, match=message):
        upcycled(recipe("first", "second", **more), inputs, out)
    assert not out.exists()


def test_other_shapes_are_refused_tensor_by_tensor(three_llamas: dict[str, Path], tmp_path: Path):
    differing(three_llamas["second"], **{UP: torch.ones(50, 32), GATE: torch.ones(50, 32)})
    message = (
        r"'model\.layers\.1\.mlp\.gate_proj\.weight' is \[48, 32\] in base but \[50, 32\] in sec"
    )
    refused(message, three_llamas, tmp_path / "out")


def test_a_missing_tensor_is_named(three_llamas: dict[str, Path], tmp_path: Path):
    file = three_llamas["first"] / "model.safetensors"
    save_file({n: w for n, w in load_file(file).items() if n != DOWN}, file)
    refused(rf"first lacks '{DOWN}'", three_llamas, tmp_path / "out")


def test_another_depth_is_refused(three_llamas: dict[str, Path], tmp_path: Path):
    inputs = three_llamas | {"second": tiny_llama(tmp_path / "shallow", 3, layers=1)}
    refused(r"second lacks 'model\.layers\.1\.", inputs, tmp_path / "out")


def test_another_kind_is_refused(three_llamas: dict[str, Path], tmp_path: Path):
    inputs = three_llamas | {"second": dense(tmp_path / "qwen", "qwen3", 3)}
    refused("second is a qwen3 model, the base base a llama model", inputs, tmp_path / "out")


def test_another_tokenizer_is_refused_by_a_token(three_llamas: dict[str, Path], tmp_path: Path):
    file = three_llamas["second"] / "tokenizer.json"
    document = json.loads(file.read_text())
    vocab = document["model"]["vocab"]
    vocab["!"], vocab['"'] = vocab['"'], vocab["!"]
    file.write_text(json.dumps(document))
    message = "The tokenizers differ: .* is token .* of base and .* of second; 2 tokens differ so"
    refused(message, three_llamas, tmp_path / "out")


def test_more_tokens_are_no_fault_but_told(three_llamas: dict[str, Path], tmp_path: Path):
    file = three_llamas["second"] / "tokenizer.json"
    document = json.loads(file.read_text())
    document["added_tokens"].append({**document["added_tokens"][0], "id": 320, "content": "<new>"})
    file.write_text(json.dumps(document))
    report = Hearing()
    upcycled(recipe("first", "second"), three_llamas, tmp_path / "out", report)
    assert any(words.startswith("second has 1 tokens more") for words in report.said)


def test_biases_that_the_architecture_has_no_place_for_are_refused(
    three_llamas: dict[str, Path], tmp_path: Path
):
    for path in three_llamas.values():
        differing(path, **{"model.layers.0.self_attn.q_proj.bias": torch.ones(32)})
    refused("for which mixtral has no place", three_llamas, tmp_path / "out")


def test_an_mlp_with_more_than_three_matrices_is_refused(
    three_llamas: dict[str, Path], tmp_path: Path
):
    for path in three_llamas.values():
        differing(path, **{"model.layers.0.mlp.gate_proj.bias": torch.ones(48)})
    refused("mlp.gate_proj.bias', for which", three_llamas, tmp_path / "out")


def test_a_quantised_expert_is_refused(three_llamas: dict[str, Path], tmp_path: Path):
    with_config(three_llamas["first"], quantization_config={"quant_method": "gptq"})
    refused("first is quantised", three_llamas, tmp_path / "out")


def test_numbers_that_are_none_are_named(three_llamas: dict[str, Path], tmp_path: Path):
    differing(three_llamas["first"], **{GATE: torch.full((48, 32), torch.nan)})
    refused("experts.0.w1.weight' would hold infinite", three_llamas, tmp_path / "out")


def test_a_model_that_is_not_there_is_named(three_llamas: dict[str, Path], tmp_path: Path):
    del three_llamas["second"]
    refused("There is no model 'second'", three_llamas, tmp_path / "out")


def test_it_stops_when_told_and_leaves_nothing(three_llamas: dict[str, Path], tmp_path: Path):
    class Stop(Silent):
        def stopping(self) -> bool:
            return True

    for mode in ("hidden", "random"):
        wanted = recipe("first", "second", gate_mode=mode)
        with pytest.raises(Stopped):
            upcycled(wanted, three_llamas, tmp_path / "out", Stop())
    assert {path.name for path in tmp_path.iterdir()} == {"base", "first", "second"}
