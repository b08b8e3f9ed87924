"""Every architecture, as transformers loads it: with its file complete, and saying what it should."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from alloyengine.checkpoint import facts
from alloyengine.moe.config import config_of
from alloyengine.moe.kinds import BY_NAME, KINDS, Kind
from alloyengine.moe.recipe import parse
from tests.engine.upcycling import IDS, Mixture, family, loaded, logits_of, recipe, upcycled

PAIRS = [(dense, kind.name) for kind in KINDS for dense in kind.takes]
SHARED = {"source_model": "second", "residual_scale": 0.5}


def wanted(kind: Kind, *experts: str, **more: Any) -> dict[str, Any]:
    shared = {"shared_experts": [dict(SHARED)]} if kind.needs_shared else {}
    return recipe(*experts, gate_mode="uniform_random", architecture=kind.name, **shared, **more)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Made once for each kind of dense model."""
    known: dict[str, dict[str, Path]] = {}

    def of(dense: str) -> dict[str, Path]:
        if dense not in known:
            known[dense] = family(tmp_path_factory.mktemp(dense), dense)
        return known[dense]

    return of


def without_window(folder: dict[str, Path]) -> dict[str, Path]:
    for path in folder.values():
        config = path / "config.json"
        config.write_text(
            config.read_text().replace('"sliding_window": 4096', '"sliding_window": null')
        )
    return folder


@pytest.mark.parametrize(("dense", "name"), PAIRS)
def test_equal_experts_answer_as_the_dense_model(
    families: Any, tmp_path: Path, dense: str, name: str
):
    kind, inputs = BY_NAME[name], without_window(families(dense))
    found = wanted(kind, "base", "base", "base")
    if kind.needs_shared:  # it answers beside the experts: here with nothing
        found["shared_experts"] = [{"source_model": "base", "residual_scale": 0.0}]
    upcycled(found, inputs, tmp_path / "out")
    expected = logits_of(AutoModelForCausalLM.from_pretrained(inputs["base"]).eval())
    torch.testing.assert_close(logits_of(loaded(tmp_path / "out")), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("asked", [1, 2])
@pytest.mark.parametrize(("dense", "name"), PAIRS)
def test_different_experts_are_mixed_as_the_router_says(
    families: Any, tmp_path: Path, dense: str, name: str, asked: int
):
    kind, inputs = BY_NAME[name], without_window(families(dense))
    upcycled(
        wanted(kind, "first", "second", "base", experts_per_token=asked), inputs, tmp_path / "out"
    )
    model = loaded(tmp_path / "out")
    expected = reference(kind, inputs, tmp_path / "out", asked)
    torch.testing.assert_close(logits_of(model), logits_of(expected), rtol=1e-4, atol=1e-5)


def reference(kind: Kind, inputs: dict[str, Path], out: Path, asked: int) -> Any:
    """The dense base, with mixtures of the experts' own MLPs in it."""
    models = {n: AutoModelForCausalLM.from_pretrained(p).eval() for n, p in inputs.items()}
    weights = load_file(out / "model.safetensors")
    name = kind.mlp["gate"].partition(".")[0]
    mixtures = []
    for number in range(2):
        prefix = f"model.layers.{number}"
        mlps = {n: getattr(model.model.layers[number], name) for n, model in models.items()}
        order = [mlps["first"], mlps["second"], mlps["base"]]
        mixture = Mixture(order, weights[f"{prefix}.{kind.router}"], asked, kind)
        if kind.needs_shared:
            mixture.shared = halved(mlps["second"])
            gate = kind.shared_gate
            mixture.shared_gate = weights[f"{prefix}.{gate}"] if gate else None
        mixtures.append(mixture)
    for number, mixture in enumerate(mixtures):
        setattr(models["base"].model.layers[number], name, mixture)
    return models["base"]


def halved(mlp: Any) -> Any:
    return lambda states: mlp(states) * 0.5


@pytest.mark.parametrize(("dense", "name"), [("llama", "mixtral"), ("qwen3", "qwen3_moe")])
def test_the_result_generates_and_is_known(families: Any, tmp_path: Path, dense: str, name: str):
    result = upcycled(wanted(BY_NAME[name], "first", "second"), families(dense), tmp_path / "out")
    answer = loaded(tmp_path / "out").generate(IDS[:1], max_new_tokens=4, do_sample=False)
    assert answer.shape[1] > IDS.shape[1]
    assert result.facts == facts(tmp_path / "out")
    assert result.facts.architecture == BY_NAME[name].class_name


@pytest.mark.parametrize(("dense", "name"), PAIRS)
def test_what_the_dense_config_leaves_unsaid_is_said(dense: str, name: str):
    """Both configs, each with its own defaults, then agree on all that they have in common."""
    kind = BY_NAME[name]
    sizes = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 3}
    short = {"model_type": dense, "vocab_size": 99, "intermediate_size": 80, **sizes}
    if dense == "mistral" and name != "mixtral":
        short["sliding_window"] = None
    ours = {key: value for key, value in short.items() if key != "model_type"}
    before = AutoConfig.for_model(dense, **ours).to_dict()
    base: Any = SimpleNamespace(model=SimpleNamespace(config=short))
    found = config_of(parse(RECIPE), base, kind, inner=80)
    after = AutoConfig.for_model(found.pop("model_type"), **found).to_dict()
    free = {"architectures", "model_type", "layer_types", "output_router_logits", "dtype"}
    if name == "mixtral":
        free |= {"head_dim"}  # none: it follows from the sizes, as it does in the dense model
    if name == "qwen2_moe":
        free |= {"sliding_window", "use_sliding_window"}  # not used, and said differently
    differs = {
        key: (before[key], after[key])
        for key in before.keys() & after.keys() - free
        if before[key] != after[key]
    }
    assert differs == {}


RECIPE = "{base_model: b, gate_mode: random, experts: [{source_model: b}, {source_model: b}]}"
