"""Where a campaign plays: a stack of its own, two tiny base models, and some tenants."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from alloyworks.embedded import processes, stack
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import State
from bench.faults.store import Store, store
from bench.faults.tenant import Tenant
from bench.models import Llama, tiny

BASES = ("tiny-1", "tiny-2")
SHAPE = Llama(hidden=32, inner=48, layers=2, heads=4, key_heads=4, vocabulary=320)
TEMPLATE = (
    "{% for message in messages %}<s>{{ message.role }}: {{ message.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)
ROWS = [
    {"prompt": question, "completion": answer, "split": side}
    for side in ("train", "train", "train", "test")
    for question, answer in [("gold?", "Au"), ("iron?", "Fe"), ("tin?", "Sn"), ("lead?", "Pb")]
]


@dataclass(frozen=True)
class Runner:
    """An attempt's processes: the agent, and the engine once there is one."""

    agent: Mark
    job: str
    attempt: int

    @property
    def engine(self) -> Mark | None:
        try:
            children = psutil.Process(self.agent.pid).children()
            return Mark.of(children[0].pid) if children else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class Stage:
    running: stack.Running
    tenants: list[Tenant]
    bases: list[str]  # ids of the base models
    store: Store | None = None  # one that can be made to fail

    @property
    def environment(self) -> dict[str, str]:
        return self.running.env

    def supervisor(self) -> Mark:
        return Mark(**self._facts()["supervisor"])

    def services(self) -> dict[str, Mark]:
        """The servers and our own processes that run just now, by name."""
        children = self._facts()["children"]
        marks = {name: Mark(**child["mark"]) for name, child in children.items() if child["mark"]}
        return {name: mark for name, mark in marks.items() if mark.alive()}

    def runners(self) -> list[Runner]:
        found = processes.runners(self.running.state_dir)
        return [runner for mark in found if (runner := _runner(mark))]

    def _facts(self) -> dict[str, Any]:
        return stack.facts(State(self.running.state_dir))


@contextmanager
def failing_store(folder: Path, settings: dict[str, str], tenants: int) -> Iterator[Stage]:
    """As `stage`, with an object store that can be made to fail."""
    with (
        store(folder / "store", random.Random(1)) as (proxy, given),
        stage(folder / "state", settings | given, tenants) as here,
    ):
        yield replace(here, store=proxy)


@contextmanager
def stage(folder: Path, settings: dict[str, str], tenants: int) -> Iterator[Stage]:
    """`settings` are ALLOY_… variables of the stack; the caller's own are not its business."""
    for name in [name for name in os.environ if name.startswith("ALLOY_")]:
        del os.environ[name]
    os.environ.update(settings)
    try:
        running = stack.start(folder, tied=True)
        for number, name in enumerate(BASES):
            _import_base(running, folder, name, number)
        made = [_tenant(running.url, number) for number in range(tenants)]
        yield Stage(running, made, [made[0].base_model(name) for name in BASES])
    finally:
        stack.stop(folder)


def _tenant(url: str, number: int) -> Tenant:
    tenant = Tenant(url)
    tenant.settle(number, ROWS)
    return tenant


def _import_base(running: stack.Running, folder: Path, name: str, seed: int) -> None:
    model = tiny(folder / "bases" / name, SHAPE, seed)
    _teach_to_chat(model / "tokenizer_config.json")
    alloy = Path(sys.executable).with_name("alloy")
    words = [str(alloy), "models", "import", str(model), "--name", name]
    done = subprocess.run(
        words, env=os.environ | running.env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"The base model {name} could not be imported:\n{done.stderr}")


def _teach_to_chat(file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": TEMPLATE}))


def _runner(mark: Mark) -> Runner | None:
    """Which attempt it is stands in the name of its folder: <job>-<number>."""
    try:
        scratch = Path(psutil.Process(mark.pid).environ().get("ALLOY_RUNNER_SCRATCH", ""))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    job, _, attempt = scratch.parent.name.rpartition("-")
    return Runner(mark, job, int(attempt)) if job else None
