"""What the training form is made of: the spec's leaves, what people call them, and who sees them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from alloyengine.spec.objective import AnyObjective
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import AnyTuning
from alloyworks.web.forms.leaves import Leaf, Words, doc_of, leaves_of, members_of

PLAIN = ("name", "model", "dataset")
OBJECTIVE, TUNING = "objective", "tuning"
PERCENT, BUDGET, MODULES = "tuning.percent", "tuning.budget_gb", "tuning.modules"
EMBEDDINGS = "tuning.train_embeddings"
WAYS = {
    PERCENT: "Share of modules",
    BUDGET: "What fits in memory",
    MODULES: "Modules by name",
}
"""How Spectrum's modules are chosen: one of these fields says it."""

WORDS: Words = {
    "objective.replay.dataset": ("Replay", ""),
    "objective.replay.share": ("Share of replay", "of tokens"),
    "objective.sft_weight": ("Weight of fine-tuning", ""),
    "objective.teacher_weight": ("Weight of the teacher", ""),
    "objective.top_k": ("Likeliest tokens", ""),
    "objective.hidden_weight": ("Weight of hidden states", ""),
    PERCENT: ("Modules to train", "%"),
    BUDGET: ("Memory for training", "GB"),
    MODULES: ("Modules", ""),
    EMBEDDINGS: ("Embeddings", ""),
    "tuning.score": ("Score", ""),
    "tuning.rank_stabilised": ("Rank-stabilised scale", ""),
    "tuning.decomposed": ("DoRA", ""),
    "epochs": ("Epochs", "passes"),
    "max_steps": ("Step limit", "steps"),
    "batch_size": ("Batch size", "examples"),
    "schedule": ("Schedule", ""),
    "warmup_ratio": ("Warm-up", "of steps"),
    "max_gradient": ("Longest gradient", ""),
    "max_length": ("Longest example", "tokens"),
    "evaluation.share": ("Held out", "of examples"),
    "evaluation.every": ("Evaluate every", "steps"),
    "evaluation.patience": ("Patience", "evaluations"),
    "forgetting.dataset": ("Watch for forgetting", ""),
    "forgetting.rows": ("Rows of forgetting", "rows"),
    "forgetting.keep": ("Keep of what is learned", ""),
    "forgetting.method": ("Way back to the base", ""),
    "checkpoint_minutes": ("Checkpoint every", "minutes"),
}
"""Labels and units of the fields that are not called as in the spec."""

METHODS = {
    "sft": "Fine-tuning",
    "cpt": "Continued pre-training",
    "dpo": "Preferences",
    "distill": "Distillation",
    "spectrum": "Spectrum",
    "full": "Full",
    "lora": "LoRA",
    "qlora": "QLoRA",
}
SHOWN = frozenset({
    "name", "model", "dataset", "objective.replay.dataset", "objective.replay.share",
    "objective.beta", "objective.teacher", "objective.temperature", "objective.teacher_weight",
    PERCENT, BUDGET, EMBEDDINGS, "tuning.rank", "tuning.alpha", "epochs", "batch_size", "learning_rate",
    "max_length", "evaluation.share", "evaluation.patience",
})  # fmt: skip
"""All others are advanced settings; Spectrum's modules by name are not."""
SETTLED = {"save", "resources.gpus", "resources.nodes"}
"""A version on a platform is a whole model, and a job one process: there is nothing to choose."""


@dataclass(frozen=True)
class Union:
    """A part of the spec that is one of several: which, and the leaves of each."""

    place: str
    default: str
    members: dict[str, type[BaseModel]]
    leaves: dict[str, tuple[Leaf, ...]]

    @property
    def method(self) -> str:
        """The place that says which."""
        return f"{self.place}.method"

    def names(self, method: str) -> set[str]:
        return {leaf.place for leaf in self.leaves.get(method, ())}

    def told(self) -> Iterator[tuple[str, str, str]]:
        """Of each member: its name, what people call it, what it is."""
        for name, label in METHODS.items():
            if name in self.members:
                yield name, label, doc_of(self.members[name])


def _union(place: str, union: Any) -> Union:
    members = members_of(union)
    leaves = {name: tuple(leaves_of(form, place, WORDS, {})) for name, form in members.items()}
    return Union(place, _UNSAID[place]["method"], members, leaves)


_UNSAID = TrainSpec(model="-", dataset="-").model_dump(mode="json")
UNIONS = (_union(OBJECTIVE, AnyObjective), _union(TUNING, AnyTuning))
_ALL = leaves_of(TrainSpec, "", WORDS, _UNSAID | {"model": "", "dataset": ""})
COMMON = tuple(leaf for leaf in _ALL if leaf.place not in SETTLED)
"""Whatever is learned, and however."""
