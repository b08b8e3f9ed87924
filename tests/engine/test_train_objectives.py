"""What each objective learns, on a tiny model: it moves what it should."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax, logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer

from alloyengine.errors import InputError
from alloyengine.report import Silent
from alloyengine.spec.objective import Cpt, Distill, Dpo, Replay
from alloyengine.spec.train import Evaluation, TrainSpec
from alloyengine.spec.tuning import FullTuning
from alloyengine.train.batches import stacked
from alloyengine.train.encode import IGNORED, Example
from alloyengine.train.logits import learned_logits, token_losses
from alloyengine.train.objectives import objective_of
from alloyengine.train.objectives.distill import divergence
from alloyengine.train.objectives.dpo import preference_loss
from alloyengine.train.pack import pack
from alloyengine.train.run import run
from tests.engine.tiny import tiny_llama

SPEC = TrainSpec(
    model="m",
    dataset="d",
    tuning=FullTuning(),
    epochs=20,
    batch_size=4,
    learning_rate=5e-3,
    max_length=64,
)


class Recording(Silent):
    def __init__(self) -> None:
        self.metrics: dict[str, list[float]] = {}
        self.logs: list[str] = []

    def metric(self, name: str, step: int, value: float) -> None:
        self.metrics.setdefault(name, []).append(value)

    def log(self, message: str, level: Any = "info") -> None:
        self.logs.append(message)


def dataset(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture
def model(llama: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32).eval()


# Continued pre-training


def test_packing_wastes_nothing_and_loses_nothing():
    documents = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [10, 11]]
    packed = pack(documents, 4)
    assert [example.tokens for example in packed] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11]]
    assert [example.starts for example in packed] == [(0, 3), (0,), (0, 1)]
    assert packed[0].targets == [IGNORED, 2, 3, IGNORED]


def test_no_document_sees_another(model: Any):
    """The losses of packed documents are those of each alone, in a batch with padding, too."""
    documents = [[5, 6, 7, 8], [9, 10, 11], [12, 13, 14, 15, 16]]
    packed = [*pack(documents, 12), Example([20, 21, 22], [IGNORED, 21, 22])]
    part = stacked(packed, pad=0, share=False)
    answer, wanted = learned_logits(model, part)
    found = token_losses(answer.logits, wanted).sum(dim=1)
    alone = [
        cross_entropy(model(torch.tensor([d])).logits[0, :-1], torch.tensor(d[1:]), reduction="sum")
        for d in [*documents, [20, 21, 22]]
    ]
    torch.testing.assert_close(found, torch.stack([sum(alone[:3]), alone[3]]), rtol=1e-4, atol=1e-4)


def test_texts_are_learned_and_general_ones_replayed(llama: Path, tmp_path: Path):
    own = dataset(tmp_path / "own", [{"text": f"The symbol of {n} is {n}."} for n in range(60)])
    general = dataset(tmp_path / "general", [{"text": f"General words {n}"} for n in range(40)])
    how = Cpt(replay=Replay(dataset="g", share=0.25))
    spec = SPEC.model_copy(update={"objective": how, "epochs": 2})
    tokenizer, report = AutoTokenizer.from_pretrained(llama), Recording()
    inputs = {"m": llama, "d": own, "g": general}
    items = objective_of(spec, inputs, tokenizer, report).items
    texts = [tokenizer.decode(item.tokens) for item in items]
    replayed = [text for text in texts if "General" in text]
    assert len(replayed) == pytest.approx(len(items) / 4, abs=1)
    run(spec, inputs, tmp_path / "out", report)
    assert report.metrics["loss"][-1] < report.metrics["loss"][0] - 1


# Preferences


PAIRS = [
    {"prompt": f"Colour {n}?", "chosen": "blue as the sky", "rejected": "red as a rose"}
    for n in range(12)
]


@pytest.mark.parametrize("loss", ["sigmoid", "ipo", "hinge"])
def test_the_chosen_answer_becomes_likelier(llama: Path, tmp_path: Path, loss: Any):
    spec = SPEC.model_copy(update={"objective": Dpo(loss=loss, beta=0.3), "epochs": 8})
    report, inputs = Recording(), {"m": llama, "d": dataset(tmp_path / "pairs", PAIRS)}
    run(spec, inputs, tmp_path / "out", report)
    assert report.metrics["margin"][0] == pytest.approx(0, abs=1e-4)  # it is its own reference
    assert report.metrics["margin"][-1] > 0.3
    assert report.metrics["preferred"][-1] == 1.0
    assert report.metrics["loss"][-1] < report.metrics["loss"][0]


def test_the_preference_loss_is_the_published_one():
    advantage, lengths = torch.tensor([2.0, -1.0]), torch.tensor([[4, 6], [5, 5]])
    sigmoid = preference_loss(advantage, Dpo(beta=0.5), lengths)
    torch.testing.assert_close(sigmoid, -logsigmoid(0.5 * advantage))
    smooth = preference_loss(advantage, Dpo(beta=0.5, label_smoothing=0.1), lengths)
    wrong = -logsigmoid(-0.5 * advantage)
    torch.testing.assert_close(smooth, 0.9 * sigmoid + 0.1 * wrong)
    ipo = preference_loss(advantage, Dpo(beta=0.5, loss="ipo"), lengths)
    torch.testing.assert_close(ipo, (advantage / 5 - 1) ** 2)


def test_pairs_that_are_held_out_have_a_reference_too(llama: Path, tmp_path: Path):
    how = Evaluation(share=0.25, every=3)
    spec = SPEC.model_copy(update={"objective": Dpo(beta=0.3), "epochs": 4, "evaluation": how})
    report, inputs = Recording(), {"m": llama, "d": dataset(tmp_path / "pairs", PAIRS)}
    run(spec, inputs, tmp_path / "out", report)
    assert report.metrics["evaluation_loss"][-1] < report.metrics["evaluation_loss"][0]


def test_learning_the_chosen_answer_can_be_added(llama: Path, tmp_path: Path):
    inputs = {"m": llama, "d": dataset(tmp_path / "pairs", PAIRS)}
    for name, weight in (("without", 0.0), ("with", 1.0)):
        spec = SPEC.model_copy(update={"objective": Dpo(sft_weight=weight), "epochs": 1})
        run(spec, inputs, tmp_path / name, Silent())
    tokens = AutoTokenizer.from_pretrained(llama)("blue as the sky").input_ids
    losses = []
    for name in ("without", "with"):
        made = AutoModelForCausalLM.from_pretrained(tmp_path / name)
        losses.append(made(torch.tensor([tokens]), labels=torch.tensor([tokens])).loss.item())
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"prompt": "a", "chosen": "b", "rejected": "b"},
            "Line 1: chosen and rejected are the same",
        ),
        ({"prompt": "a", "chosen": "b"}, "Line 1 is no preference pair"),
        ({"prompt": "a", "chosen": "b", "rejected": 5}, "Line 1 is no preference pair"),
        ({"prompt": "word " * 90, "chosen": "b", "rejected": "c"}, "No preference pair fits"),
    ],
)
def test_what_is_no_preference_is_refused(
    llama: Path, tmp_path: Path, row: dict[str, Any], message: str
):
    spec = SPEC.model_copy(update={"objective": Dpo()})
    inputs = {"m": llama, "d": dataset(tmp_path / "pairs", [row])}
    with pytest.raises(InputError, match=message):
        run(spec, inputs, tmp_path / "out", Silent())
    assert not (tmp_path / "out").exists()


# Distillation


def test_the_teachers_word_is_learned(llama: Path, tmp_path: Path):
    teacher = tiny_llama(tmp_path / "teacher", seed=7)
    rows = [{"prompt": f"Number {n}?", "completion": "one two three"} for n in range(12)]
    inputs = {"m": llama, "t": teacher, "d": dataset(tmp_path / "rows", rows)}
    how = Distill(teacher="t", teacher_weight=1.0, top_k=None, temperature=1.0)
    report = Recording()
    spec = SPEC.model_copy(update={"objective": how, "epochs": 30})
    run(spec, inputs, tmp_path / "out", report)
    apart = report.metrics["loss_teacher"]
    assert apart[-1] < apart[0] / 3


def test_hidden_states_are_learned_where_they_are_asked_for(llama: Path, tmp_path: Path):
    teacher = tiny_llama(tmp_path / "teacher", seed=7)
    rows = [{"prompt": f"Number {n}?", "completion": "one two three"} for n in range(12)]
    inputs = {"m": llama, "t": teacher, "d": dataset(tmp_path / "rows", rows)}
    how = Distill(teacher="t", teacher_weight=0.0, hidden_weight=10.0)
    report = Recording()
    run(SPEC.model_copy(update={"objective": how}), inputs, tmp_path / "out", report)
    assert report.metrics["loss"][-1] < report.metrics["loss"][0] / 2


@pytest.mark.parametrize("top_k", [None, 3])
def test_the_divergence_is_that_of_kullback_and_leibler(top_k: int | None):
    random = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(4, 10, generator=random) for _ in range(2))
    how = Distill(teacher="t", temperature=2.0, top_k=top_k)
    found = divergence(student, teacher, how)
    if top_k:
        teacher, places = teacher.topk(top_k)
        student = student.gather(1, places)
    p, q = log_softmax(teacher / 2, -1), log_softmax(student / 2, -1)
    expected = 4 * kl_div(q, p, reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(found, expected)
    assert (divergence(teacher, teacher, how) < 1e-6).all()
