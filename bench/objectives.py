"""DPO and distillation on SmolLM2: do they move what they should?

    ./alloy bench objectives --json bench/results/objectives.json

DPO learns that the right symbol of an element is better than another element's; asked is, in words
that training has never used, which of the two the model finds likelier. Distillation learns from
the demo's specialist for elements; asked is how far the model's distribution over the answers'
tokens is from the teacher's (Kullback-Leibler, nats a token), again on words never seen. Both
figures are computed here from plain forward passes, not by the engine's own losses.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from alloyengine.execute import execute
from alloyengine.loading import open_model
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyworks.cli.demo import data
from bench import machine, models, scores_models

Figures = dict[str, Any]
Chat = list[dict[str, str]]
TRAINING = {
    "model": "base",
    "dataset": "d",
    "tuning": {"method": "spectrum", "percent": 25, "train_embeddings": False},
    "batch_size": 16,
    "max_length": 128,
}
DPO = {"objective": {"method": "dpo", "beta": 0.1}, "epochs": 1, "learning_rate": 1e-4}
DISTILL = {
    "objective": {"method": "distill", "teacher": "t", "teacher_weight": 1.0},
    "epochs": 2,
    "learning_rate": 5e-4,
}
RIGHT = 95.0  # % of the pairs, after DPO, at least
NEARER = 0.25  # of the distance before, after distillation, at most


def run(only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    rows = {"dpo": _dpo, "distillation": _distil}
    for name, measured in rows.items():
        if not only or name in only:
            print(f"{name} …", file=sys.stderr)
            yield name, measured() | {"where": machine.where()}


def _dpo() -> Figures:
    pairs = {split: _pairs(split) for split in ("train", "test")}
    with _trained(DPO, pairs["train"], {}) as after:
        right = {
            name: _prefers(path, pairs["test"])
            for name, path in (("before, %", models.smollm2(0)), ("after, %", after))
        }
    return right | {"≥ %": RIGHT, "pairs": len(pairs["test"]), "met": right["after, %"] >= RIGHT}


def _pairs(split: str) -> list[Figures]:
    """The wrong answer is the symbol of the element 37 places on."""
    rows = [row["messages"] for row in data.elements() if row["split"] == split]
    step = 37 * (len(rows) // 118)
    return [
        {"prompt": asked, "chosen": right, "rejected": rows[(n + step) % len(rows)][-1]["content"]}
        for n, (asked, right) in enumerate((row[0]["content"], row[-1]["content"]) for row in rows)
    ]


def _distil() -> Figures:
    teacher, base = scores_models.specialist("elements"), models.smollm2(0)
    chats = {
        split: [row for row in data.elements() if row["split"] == split]
        for split in ("train", "test")
    }
    with _trained(DISTILL, chats["train"], {"t": teacher}) as after:
        apart = {
            name: _distance(teacher, path, [row["messages"] for row in chats["test"]])
            for name, path in (("before, nats", base), ("after, nats", after))
        }
    share = apart["after, nats"] / apart["before, nats"]
    return apart | {"share left": round(share, 3), "≤ share": NEARER, "met": share <= NEARER}


@contextmanager
def _trained(how: Figures, rows: Sequence[Any], inputs: dict[str, Path]) -> Iterator[Path]:
    """The folder of SmolLM2 after a training, while it is needed."""
    with tempfile.TemporaryDirectory(dir=models.room()) as room:
        data_folder, out = Path(room) / "d", Path(room) / "out"
        data_folder.mkdir()
        (data_folder / "train.jsonl").write_text(scores_models.lines(rows))
        known = {"base": models.smollm2(0), "d": data_folder} | inputs
        execute(TrainSpec.model_validate(TRAINING | how), known, out, Silent())
        yield out


def _prefers(path: Path, pairs: Sequence[Figures]) -> float:
    """Of so many pairs, %, the right answer is the likelier one."""
    model, tokenizer = open_model(path, torch.float32)
    right = sum(
        _log_probability(model, tokenizer, pair["prompt"], pair["chosen"])
        > _log_probability(model, tokenizer, pair["prompt"], pair["rejected"])
        for pair in pairs
    )
    return round(100 * right / len(pairs), 1)


def _log_probability(model: Any, tokenizer: Any, asked: str, answer: str) -> float:
    tokens, begin = _tokens(tokenizer, asked, answer)
    chances = _chances(model, tokens)[begin - 1 : -1]
    return float(chances.gather(1, tokens[begin:, None]).sum())


def _distance(teacher: Path, student: Path, chats: Sequence[Chat]) -> float:
    """Of the student from the teacher, over the tokens of the answers."""
    (one, tokenizer), (other, _) = (open_model(path, torch.float32) for path in (teacher, student))
    total = count = 0.0
    for chat in chats:
        tokens, begin = _tokens(tokenizer, chat[0]["content"], chat[-1]["content"])
        taught, said = (_chances(model, tokens)[begin - 1 : -1] for model in (one, other))
        total += float((taught.exp() * (taught - said)).sum())
        count += len(taught)
    return round(total / count, 4)


def _tokens(tokenizer: Any, asked: str, answer: str) -> tuple[torch.Tensor, int]:
    """A chat's tokens, and where the answer begins."""
    chat = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    before = tokenizer.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(chat, tokenize=False)
    begin = len(tokenizer(before, add_special_tokens=False)["input_ids"])
    return torch.tensor(tokenizer(whole, add_special_tokens=False)["input_ids"]), begin


@torch.no_grad()
def _chances(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Log probabilities after each token, tokens × vocabulary."""
    return model(input_ids=tokens[None]).logits[0].float().log_softmax(-1)
