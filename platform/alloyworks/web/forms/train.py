"""The form of a training job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from django.http import QueryDict

from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import SpectrumTuning
from alloyworks.accounts.principal import Principal
from alloyworks.web import choices
from alloyworks.web.forms.base import JobForm, trimmed, with_text
from alloyworks.web.forms.fields import Faults, Field, Number, number_field, text_of
from alloyworks.web.forms.fitting import unfit_for_training
from alloyworks.web.forms.names import flat, nested

PERCENT = Number(SpectrumTuning, "percent", "Modules to train", "%", "Of each type", "tuning")
EMBEDDINGS = "tuning.train_embeddings"
ADVANCED = (
    Number(TrainSpec, "epochs", "Epochs", "passes", "How often the whole train split is seen"),
    Number(TrainSpec, "max_steps", "Step limit", "steps"),
    Number(TrainSpec, "batch_size", "Batch size", "examples"),
    Number(TrainSpec, "learning_rate", "Learning rate", help="Of AdamW, at its peak"),
    Number(TrainSpec, "warmup_ratio", "Warm-up", "of steps", "Share in which the rate rises"),
    Number(TrainSpec, "weight_decay", "Weight decay", help="Pull of the weights towards zero"),
    Number(TrainSpec, "max_length", "Longest example", "tokens", "What is longer is cut"),
    Number(TrainSpec, "seed", "Seed", help="The same seed gives the same order of examples"),
)
NUMBERS = (PERCENT, *ADVANCED)
PLAIN = ["name", "model", "dataset", "tuning.method"]
METHODS = (
    ("spectrum", "Spectrum", "Trains the modules that carry the most signal. Less memory, faster."),
    ("full", "Full", "Trains every weight."),
)


@dataclass
class TrainForm(JobForm):
    kind: ClassVar[str] = "train"
    title: ClassVar[str] = "Train a model"
    lead: ClassVar[str] = "Fine-tune a model on one of your datasets."

    values: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)  # fields of the other job that are not shown here

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        given = trimmed(query, ["model", "dataset"])
        return cls(principal, _defaults() | given)

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        given = {name: text_of(value) for name, value in flat(dict(spec))}
        names = [*PLAIN, EMBEDDINGS, *(number.place for number in NUMBERS)]
        shown = {name: given[name] for name in names if name in given}
        lost = [name for name in given if name not in names and given[name] != _UNSAID.get(name)]
        if shown.get("tuning.method") not in {method for method, *_ in METHODS}:
            lost.append("tuning.method")
        return cls(principal, _defaults() | shown, lost)

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        names = [*PLAIN, *(number.place for number in NUMBERS)]
        # A box that is not ticked sends nothing.
        embeddings = "true" if EMBEDDINGS in post else "false"
        return cls(principal, trimmed(post, names) | {EMBEDDINGS: embeddings})

    def spec(self) -> dict[str, Any]:
        hidden = _OF_SPECTRUM if self.values.get("tuning.method") == "full" else ()
        order = [name for name in self.places() if name not in hidden]
        values = with_text({name: self.values.get(name, "") for name in order})
        return {"kind": self.kind, **nested(values.items())}

    def places(self) -> list[str]:
        percent, *others = (number.place for number in NUMBERS)
        return [*PLAIN, "tuning", percent, EMBEDDINGS, *others]

    def drawn(self, faults: Faults) -> dict[str, Any]:
        model, dataset = self.values.get("model", ""), self.values.get("dataset", "")
        changed = [n for n in ADVANCED if self.values.get(n.place, "") not in ("", n.default)]
        return {
            "name": self._named("name", "Name", faults, placeholder="Named after the dataset"),
            "model": self._named(
                "model", "Model", faults, groups=choices.of_models(self.principal, [model])
            ),
            "dataset": self._named(
                "dataset",
                "Dataset",
                faults,
                groups=choices.of_datasets(
                    self.principal,
                    choices.offered_datasets(self.principal),
                    unfit_for_training,
                    dataset,
                ),
            ),
            "methods": METHODS,
            "method": self.values.get("tuning.method") or "spectrum",
            "method_errors": [*faults.at("tuning"), *faults.at("tuning.method")],
            "percent": number_field(PERCENT, self.values, faults),
            "embeddings": self._named(EMBEDDINGS, "Train embeddings and output head too", faults),
            "advanced": [number_field(number, self.values, faults) for number in ADVANCED],
            "advanced_open": bool(changed) or any(faults.at(n.place) for n in ADVANCED),
        }

    def _named(self, name: str, label: str, faults: Faults, **more: Any) -> Field:
        value = self.values.get(name, "")
        return Field(name, label, value, errors=faults.at(name), **more)


_OF_SPECTRUM = (PERCENT.place, EMBEDDINGS)


# What a spec says when it is not told.
_UNSAID = {
    name: text_of(value)
    for name, value in flat(TrainSpec(model="-", dataset="-").model_dump(mode="json"))
}


def _defaults() -> dict[str, str]:
    values = {number.place: number.default for number in NUMBERS}
    return values | {"tuning.method": "spectrum", EMBEDDINGS: "true"}
