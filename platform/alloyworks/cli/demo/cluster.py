"""The demo with its jobs as pods: in the cluster of ALLOY_KUBE_CONFIG, or in the tests' stand-in for one.

The stand-in (`tests/kube/cluster`) is an API server that keeps objects, versions and watches, with one machine
that really runs what pods are told to run. It is of the checkout, and in no wheel.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alloyworks.embedded.state import ROOT
from alloyworks.errors import Conflict

STAND_IN = ROOT / "tests/kube/cluster"
_PATIENCE = 60.0  # seconds for a process to end


@contextmanager
def executor(folder: Path) -> Iterator[None]:
    """Until its end, a stack that starts uses the cluster. Raises Conflict without one."""
    given = "ALLOY_KUBE_CONFIG" in os.environ
    if not given and not STAND_IN.is_dir():
        remedy = "Set ALLOY_KUBE_CONFIG and ALLOY_KUBE_IMAGE_CPU."
        raise Conflict(f"There is no cluster for the demo: {remedy}")
    with ExitStack() as closing:
        words = {"ALLOY_EXECUTOR": "kubernetes"}
        if not given:
            kubeconfig = closing.enter_context(_stand_in(folder / "cluster"))
            words |= {"ALLOY_KUBE_CONFIG": kubeconfig, "ALLOY_KUBE_IMAGE_CPU": "engine:demo"}
        closing.enter_context(_variables(words))
        yield


@contextmanager
def controller(environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Tells the platform how pods fare. `environment` is the stack's."""
    alloy = str(Path(sys.executable).with_name("alloy"))
    with (
        log.open("wb") as words,
        _process([alloy, "controller"], environment, stdout=words, stderr=words),
    ):
        yield


@contextmanager
def _stand_in(folder: Path) -> Iterator[str]:
    """Its kubeconfig."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.kube.cluster", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (
        (folder / "log").open("wb") as words,
        _process(command, environment, stdout=subprocess.PIPE, stderr=words) as process,
    ):
        told = process.stdout.readline().decode().strip() if process.stdout else ""
        if not told:
            raise Conflict(f"The stand-in for a cluster does not start; see {folder / 'log'}.")
        yield told


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], **streams: object
) -> Iterator["subprocess.Popen[bytes]"]:
    process: subprocess.Popen[bytes] = subprocess.Popen(command, env=environment, **streams)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def _variables(words: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in words}
    os.environ.update(words)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
