"""Whole embedded stacks for the tests that need one, with a tiny base model."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alloyworks.embedded import stack
from tests.engine.tiny import tiny_llama

BASE = "tiny-llama"


@contextmanager
def stack_of(folder: Path, **settings: str) -> Iterator[stack.Running]:
    """A stack of its own. The test session's ALLOY_… variables would name outside servers."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("ALLOY_")]:
        del os.environ[name]
    os.environ |= settings
    try:
        yield stack.start(folder / "state")
    finally:
        stack.stop(folder / "state")
        for name in settings:
            os.environ.pop(name, None)
        os.environ.update(before)


def import_base(running: stack.Running, folder: Path, name: str = BASE, seed: int = 1) -> None:
    """A tiny Llama becomes a base model, as an operator makes one."""
    model = tiny_llama(folder / name, seed=seed)
    words = ["alloyengine.cli.main", "models", "import", str(model), "--name", name]
    code = f"import sys; sys.argv = {words!r}; from alloyengine.cli.main import main; main()"
    environment = {**os.environ, **running.env}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, check=True)
