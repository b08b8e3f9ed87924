"""The reference script's scan (QuixiAI/spectrum, arXiv 2406.06623), restated: `MODEL OUT.json`.

It loads the whole model in float32 and takes an SVD of every weight; the script itself needs a terminal
for its dialogue, which here is answered with the types of attention and MLP.
"""

import json
import sys
from typing import Any

import torch
from transformers import AutoModelForCausalLM


def main(model: str, out: str) -> None:
    loaded = AutoModelForCausalLM.from_pretrained(
        model, dtype=torch.float32, low_cpu_mem_usage=True, local_files_only=True
    )
    found = {
        name: {"snr": snr(module.weight), "type": kind(name)}
        for name, module in loaded.named_modules()
        if (".mlp." in name or ".self_attn." in name)
        and getattr(module, "weight", None) is not None
    }
    with open(out, "w") as file:
        json.dump(found, file)


def snr(weight: Any) -> float:
    values = torch.linalg.svdvals(weight.detach())
    sigma = (torch.quantile(values, 0.75) - torch.quantile(values, 0.25)) / 1.349
    beta = min(weight.shape) / max(weight.shape)
    threshold = sigma * (1 + beta**0.5)
    signal, noise = values[values > threshold].sum(), values[values <= threshold].sum()
    return float(signal / (noise if noise else 1) / values[0])


def kind(name: str) -> str:
    parts = name.split(".")
    place = next(number for number, part in enumerate(parts) if part.isdigit())
    return ".".join(parts[place + 1 :])


if __name__ == "__main__":
    main(*sys.argv[1:])
