"""Models between a base and what was tuned from it: in memory to be measured, or as a folder."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from alloyengine.checkpoint import Checkpoint, Output, Writer, copy_companions
from alloyengine.checkpoint.compare import check_alike, differs
from alloyengine.checkpoint.dtypes import FLOATS
from alloyengine.errors import InputError
from alloyengine.merge.methods.slerp import arc
from alloyengine.report import Reporter

Method = Literal["linear", "slerp"]
Complete = Callable[[Path], None]


class Between:
    """The tensors in which two open models differ. `method`: linear is the straight line, which is
    task arithmetic with one task; slerp the arc, for each tensor by itself.
    """

    def __init__(self, base: Checkpoint, tuned: Checkpoint, method: Method) -> None:
        check_alike(base, tuned)
        self._base, self._tuned, self._method = base, tuned, method
        self.names = [name for name in base.names if differs(base, tuned, name)]
        for name in self.names:
            if (code := base.info(name).dtype) not in FLOATS:
                raise InputError(
                    "not_between", f"{name!r} differs and is {code}: there is nothing between."
                )

    def tensor(self, name: str, weight: float) -> Tensor:
        """Rounded to the type that it has in the files, as it would be saved."""
        if weight in (0.0, 1.0):
            return (self._tuned if weight else self._base).read(name)
        base, tuned = self._base.read(name), self._tuned.read(name)
        return blend(base, tuned, weight, self._method)

    def put(self, model: Any, weight: float) -> None:
        """Into a loaded model of this kind."""
        parameters = _parameters(model)
        with torch.no_grad():
            for name in self.names:
                parameters[name].copy_(self.tensor(name, weight))

    def write(
        self, weight: float, out: Output, report: Reporter, complete: Complete = lambda _: None
    ) -> None:
        """A whole model, with the tuned model's small files and what `complete` adds to its folder."""
        layout, changed = self._tuned.tensors, set(self.names)
        with Writer.open(out, layout) as writer:
            for done, name in enumerate(layout):
                report.progress("Merging back", done, len(layout))
                known = self.tensor(name, weight) if name in changed else self._base.read(name)
                writer.write(name, known)
            copy_companions(self._tuned.path, writer.folder)
            complete(writer.folder)
        report.progress("Merging back", len(layout), len(layout))


def blend(base: Tensor, tuned: Tensor, weight: float, method: Method) -> Tensor:
    """At `weight` of the way from base to tuned, computed in float32; in the base's type."""
    a, b = base.float(), tuned.float()
    near, far = (1 - weight, weight) if method == "linear" else arc(_cosine(a, b), weight)
    return (a * near).add_(b, alpha=far).to(base.dtype)


def check_names(model: Any, names: Sequence[str]) -> None:
    """InputError unless the loaded model calls its weights as the files do."""
    if lost := sorted(set(names) - _parameters(model).keys()):
        raise InputError(
            "parameter_names",
            f"{lost[0]} has another name once the model is loaded, so that no model between the two can "
            "be made in memory.",
            "Evaluate both models instead.",
        )


def _parameters(model: Any) -> dict[str, Any]:
    """Tied weights under all their names."""
    return dict(model.named_parameters(remove_duplicate=False))


def _cosine(a: Tensor, b: Tensor) -> float:
    lengths = math.sqrt(_dot(a, a) * _dot(b, b))
    return _dot(a, b) / lengths if lengths else 1.0


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum(dtype=torch.float64))
