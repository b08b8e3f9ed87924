"""Job specs in YAML files, for the commands that run them here."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from alloyengine.errors import InputError
from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.train import TrainSpec

AnySpec = TypeVar("AnySpec", TrainSpec, MergeSpec, EvaluateSpec)


def read_spec(kind: type[AnySpec], path: Path) -> tuple[AnySpec, dict[str, Path]]:
    """The validated spec and its inputs: references are paths, relative to the file's folder."""
    try:
        spec = kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError("spec_missing", f"{path} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("spec_yaml", f"{path} is not YAML: {error}.") from None
    except ValidationError as error:
        raise InputError("spec_invalid", f"{path}: {_faults(error)}") from None
    return spec, {ref.reference: path.parent / ref.reference for ref in spec.inputs()}


def _faults(error: ValidationError) -> str:
    faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return "; ".join(faults) + "."
