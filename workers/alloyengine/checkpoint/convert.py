"""GGUF to safetensors: a quantised file of llama.cpp becomes a model folder that can be trained."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alloyengine.errors import InputError


def convert_gguf(gguf: Path, out: Path) -> None:
    """Writes weights in bfloat16, config, tokenizer and chat template to the new folder `out`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # whoever calls has one of their own
    plain = GgufConfig(dequantize=True)
    try:
        with _parsed_once():
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=plain
            )
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
            licence = _licence(gguf)
    except (ValueError, OSError, LookupError, struct.error) as error:
        raise InputError(
            "gguf_unreadable",
            f"{gguf.name} can't be converted: {type(error).__name__}: {str(error)[:300]}",
            "Use a GGUF file of an architecture that transformers reads, or safetensors.",
        ) from None
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    if licence:
        (out / "README.md").write_text(f"---\nlicense: {licence}\n---\n")


def _licence(gguf: Path) -> str:
    """As the file's own entry says it; empty when there is none."""
    from gguf import GGUFReader

    field = GGUFReader(str(gguf)).get_field("general.license")
    said = field.contents() if field else ""
    return said if isinstance(said, str) and re.fullmatch(r"[\w.+-]{1,60}", said) else ""


@contextmanager
def _parsed_once() -> Iterator[None]:
    """transformers parses the file for config, weights and tokenizer anew: seconds each time."""
    import gguf

    reader = gguf.GGUFReader
    gguf.GGUFReader = cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader
