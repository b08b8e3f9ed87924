"""LoRA: small trained matrices beside frozen weights (Hu et al., arXiv 2106.09685), by peft."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alloyengine.errors import InputError
from alloyengine.report import Reporter
from alloyengine.spec.tuning import AdapterTuning
from alloyengine.train.freeze import Parameters

_NAME = "default"  # peft's, of an adapter


def adapt(model: Any, tuning: AdapterTuning, seed: int) -> Parameters:
    """Puts the adapter into the model, and returns its weights by name."""
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(seed)  # of the adapter's first numbers
    try:
        inject_adapter_in_model(_config(tuning, LoraConfig), model)
    except ValueError as error:
        wanted = ", ".join(tuning.modules or ())
        raise InputError(
            "nothing_selected",
            f"tuning.modules: no linear module of the model is called {wanted}.",
            f"peft says: {str(error).splitlines()[0]}",
        ) from None
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    for weight in trained.values():
        weight.data = weight.data.float()
    return trained


def save_merged(
    model: Any, weights: Mapping[str, Tensor], base: Path, out: Path, report: Reporter
) -> None:
    """The base with the adapter merged into it, by the merge engine; every tensor in the base's type."""
    from alloyengine.merge.recipe import parse
    from alloyengine.merge.run import Options, run
    from alloyengine.spec.merge import MergeSpec

    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        adapter = Path(folder) / "adapter"
        _save_adapter(model, weights, adapter)
        recipe = parse("{merge_method: passthrough, models: [{model: base+adapter}]}")
        inputs = {"base": base, "adapter": adapter}
        run(MergeSpec(recipe=recipe), inputs, out, report, Options(signed=False))


def open_in_four_bits(path: Path) -> tuple[Any, Any]:
    """For QLoRA (Dettmers et al., arXiv 2305.14314). InputError without a GPU or bitsandbytes."""
    from importlib.util import find_spec

    from alloyengine.loading import open_model

    if not torch.cuda.is_available() or not find_spec("bitsandbytes"):
        raise InputError(
            "no_gpu",
            "tuning.method: qlora needs an NVIDIA GPU and the package bitsandbytes.",
            "Use lora, or spectrum with train_embeddings: false, which needs least on a CPU.",
        )
    from transformers import BitsAndBytesConfig

    how = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return open_model(path, torch.bfloat16, quantization_config=how, device_map={"": 0})


def _config(tuning: AdapterTuning, kind: Any) -> Any:
    return kind(
        r=tuning.rank,
        lora_alpha=tuning.alpha or 2 * tuning.rank,
        lora_dropout=tuning.dropout,
        target_modules=list(tuning.modules) if tuning.modules else "all-linear",
        use_rslora=tuning.rank_stabilised,
        use_dora=tuning.decomposed,
        bias="none",
        task_type="CAUSAL_LM",
    )


def _save_adapter(model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
    """As peft keeps them: numbers, and how to use them."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir()
    numbers = get_peft_model_state_dict(model, dict(weights), adapter_name=_NAME)
    prefixed = {f"base_model.model.{name}": tensor.contiguous() for name, tensor in numbers.items()}
    save_file(prefixed, folder / "adapter_model.safetensors", {"format": "pt"})
    model.peft_config[_NAME].save_pretrained(folder)
