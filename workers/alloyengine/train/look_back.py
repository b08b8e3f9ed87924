"""The end of a run that asks what was forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from alloyengine.checkpoint import Checkpoint
from alloyengine.report import Reporter
from alloyengine.spec.train import Forgetting, TrainSpec
from alloyengine.train.between import check_names
from alloyengine.train.evaluation import mean_loss
from alloyengine.train.forgetting import Rows, loss_on, measure, merge_back, read_some
from alloyengine.train.forgetting_page import as_report, save_picture, section, sentence
from alloyengine.train.objectives import Objective


@dataclass(frozen=True)
class LookBack:
    """All that it needs, made before the run begins."""

    how: Forgetting
    general: Rows
    objective: Objective[Any]
    items: Sequence[Any]  # of the task

    @classmethod
    def prepared(
        cls,
        spec: TrainSpec,
        inputs: Mapping[str, Path],
        model: Any,
        objective: Objective[Any],
        held: Sequence[Any],
        report: Reporter,
    ) -> Self | None:
        """None when it is not asked for. `model` is the base. InputError when it could not be done."""
        how = spec.forgetting
        if how is None:
            return None
        general = read_some(inputs[how.dataset], how.rows)
        with Checkpoint.open(inputs[spec.model]) as base:
            matrices = [name for name, info in base.tensors.items() if len(info.shape) > 1]
        check_names(model, matrices)
        if not held:
            report.log(
                "No examples are held out (evaluation.share), so what was learned of the task will be "
                "measured on examples that were learned.",
                "warning",
            )
        return cls(how, general, objective, (held or objective.items)[: how.rows])

    def look(self, base: Path, folder: Path, report: Reporter) -> str:
        """Measures the trained model in `folder`, merges it back if that is wanted, leaves a picture
        beside it, and returns a section for its card.
        """
        found = measure(base, folder, loss_on(self.general), self._task, self.how, report)
        merged = self.how.merge_back and found.best is not found.tuned
        if merged:
            merge_back(base, folder, found.best.weight, self.how.method, folder, report)
        save_picture(found, folder)
        report.report("forgetting", as_report(found, self.how, merged))
        report.log(sentence(found, self.how))
        return section(found, self.how, merged)

    def _task(self, loaded: Any) -> float:
        return mean_loss(self.objective, loaded.model, self.items)
