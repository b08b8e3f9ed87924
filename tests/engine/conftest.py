"""Tiny models for every engine test; nothing here starts a server."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# The same numbers on every machine: some processors have bfloat16 of their own.
os.environ["ALLOY_CPU_DTYPE"] = "float32"

from tests.engine.tiny import tiny_llama


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "llama", seed=1)


@pytest.fixture
def three_llamas(tmp_path: Path) -> dict[str, Path]:
    """A base and two models of its shape, by the names recipes use for them."""
    names = {"base": 1, "first": 2, "second": 3}
    return {name: tiny_llama(tmp_path / name, seed) for name, seed in names.items()}
