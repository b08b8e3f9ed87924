"""What a delta says of itself, and whether it is true."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.reader import DELTA
from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError
from alloyengine.spec.base import Spec

WEIGHTS = "delta.safetensors"
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Origin(Spec):
    """The model that it is a change of."""

    name: str
    digest: _Digest = Field(description="Of its weights")


class ChangedTensor(Spec):
    """As a safetensors file describes it."""

    dtype: str
    shape: tuple[int, ...]


class Record(Spec):
    """The content of delta.json."""

    format: Literal["alloyworks-delta"] = "alloyworks-delta"
    version: Literal[1] = 1
    base: Origin
    weights: _Digest = Field(description="SHA-256 of the file of changed tensors")
    tensors: dict[str, ChangedTensor]


def read_record(delta: Path) -> Record:
    """InputError when the folder is no delta, or its record is none."""
    if not (delta / DELTA).is_file():
        raise InputError(
            "delta_missing", f"{delta.name} is no delta: it has no {DELTA}.", "Name another folder."
        )
    try:
        return Record.model_validate(read_json(delta / DELTA))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise damaged(f"{DELTA}: {where}: {fault['msg']}") from None


def check_tensors(told: Record, found: dict[str, TensorInfo], base: dict[str, TensorInfo]) -> None:
    """InputError unless record and file agree, and all is as in the base."""
    listed = {name: TensorInfo(each.shape, each.dtype) for name, each in told.tensors.items()}
    if listed != found:
        names = listed.keys() ^ found.keys() or {n for n in found if found[n] != listed[n]}
        raise damaged(f"{DELTA} and {WEIGHTS} disagree about {min(names)!r}")
    for name, info in found.items():
        if name not in base:
            raise damaged(f"the base has no tensor {name!r}")
        if info != base[name]:
            raise damaged(
                f"{name!r} is {info.dtype} {list(info.shape)}, in the base "
                f"{base[name].dtype} {list(base[name].shape)}"
            )


def damaged(why: str) -> InputError:
    return InputError("delta_damaged", f"The delta is damaged: {why}.", "Get or make it again.")
