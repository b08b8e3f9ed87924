"""Job specs in YAML files, for the commands that run them here."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from alloyengine.errors import InputError
from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.train import TrainSpec

AnySpec = TypeVar("AnySpec", TrainSpec, EvaluateSpec)
Model = TypeVar("Model", bound=BaseModel)


def read_spec(kind: type[AnySpec], path: Path) -> tuple[AnySpec, dict[str, Path]]:
    """The validated spec and its inputs: references are paths, relative to the file's folder."""
    spec = validated(kind, raw_of(path), path)
    return spec, {ref.reference: path.parent / ref.reference for ref in spec.inputs()}


def raw_of(path: Path) -> Any:
    """What a YAML file says. InputError when it can't be read."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("spec_missing", f"{path} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("spec_yaml", f"{path} is not YAML: {error}.") from None


def validated(kind: type[Model], raw: Any, path: Path) -> Model:
    """InputError tells every fault, with the nearest name of a field that is not there."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        fields = _fields(kind.model_json_schema())
        faults = "; ".join(_fault(fault, fields) for fault in error.errors())
        raise InputError("spec_invalid", f"{path}: {faults}.") from None


def _fault(fault: ErrorDetails, fields: set[str]) -> str:
    told, more = fault.get("ctx", {}), ""
    loc = [*fault["loc"], told["field"]] if fault["type"] == "rule" else [*fault["loc"]]
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(str(loc[-1]), fields, n=1)
        more = f" (did you mean {near[0]!r}?)" if near else ""
    elif fault["type"] == "rule":
        more = f". {told['remedy']}".rstrip(".")
    return f"{'.'.join(map(str, loc))}: {fault['msg']}{more}"


def _fields(schema: Mapping[str, Any]) -> set[str]:
    """Every field's name, wherever it belongs."""
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", ())}
