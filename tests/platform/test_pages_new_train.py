"""The training form shows what belongs to the chosen methods, and loses nothing of a spec."""

import re
from html import unescape
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from alloyengine.spec.train import TrainSpec
from alloyworks.jobs import submission
from alloyworks.web.forms.leaves import Leaf
from alloyworks.web.forms.names import nested
from alloyworks.web.forms.train import TrainForm
from alloyworks.web.forms.train_parts import COMMON, UNIONS
from tests.platform.job_forms import Fields, made, refused, shown, train_fields, values_of
from tests.platform.world import World

NOBODY: Any = None  # what is pure asks for nobody
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=9)


def values(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Whatever the spec allows there."""
    bounds, names = leaf.info.metadata, ("ge", "gt", "le", "lt")
    limits = {n: getattr(bound, n) for bound in bounds for n in names if hasattr(bound, n)}
    whole = {int} & {leaf.info.annotation, *getattr(leaf.info.annotation, "__args__", ())}
    if leaf.kind == "number" and whole:
        found = st.integers(limits.get("ge", 0), limits.get("le", limits.get("lt", 10**6) - 1))
    elif leaf.kind == "number":
        found = st.floats(
            limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt", 1e30)),
            exclude_min="gt" in limits, exclude_max="lt" in limits,
        )  # fmt: skip
    elif leaf.kind == "lines":
        found = st.lists(WORDS, min_size=1, max_size=3)
    else:
        found = {"choice": st.sampled_from(leaf.options), "flag": st.booleans()}.get(
            leaf.kind, WORDS
        )
    return st.none() | found if leaf.nullable else found


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    said: dict[str, Any] = {}
    leaves = [*COMMON]
    for union in UNIONS:
        said[union.method] = draw(st.sampled_from(sorted(union.members)))
        leaves += union.leaves[said[union.method]]
    said |= {leaf.place: draw(values(leaf)) for leaf in leaves}
    if said[UNIONS[1].method] == "spectrum" and draw(st.booleans()):
        said["tuning.budget_gb"] = None
    else:
        said.pop("tuning.modules", None)
    optional = {leaf.group for leaf in leaves if leaf.group}
    left_out = {group for group in optional if draw(st.booleans())}
    kept = {place: v for place, v in said.items() if not place.startswith(tuple(left_out) or "-")}
    return TrainSpec.model_validate(nested(kept.items())).model_dump(mode="json")


@given(specs())
def test_every_spec_survives_the_form(spec: dict[str, Any]) -> None:
    form = TrainForm.of_spec(NOBODY, spec)
    post = QueryDict(mutable=True)
    post.update(form.values)

    again = TrainForm.posted(NOBODY, post).spec()

    assert TrainSpec.model_validate(again).model_dump(mode="json") == spec


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        ("preference", {"objective": {"method": "dpo", "beta": 0.3, "loss": "ipo"}}),
        ("chat", {"tuning": {"method": "lora", "rank": 4, "modules": ["q_proj", "v_proj"]}}),
        ("chat", {"tuning": {"method": "spectrum", "modules": [r"layers\.0\..*"], "score": "mp"}}),
        ("chat", {"tuning": {"method": "spectrum", "budget_gb": 6.5, "train_embeddings": False}}),
        ("text", {"tuning": "qlora", "objective": "cpt", "evaluation": {"share": 0.1, "patience": 3}}),
        ("chat", {"gradient_checkpointing": True, "schedule": "cosine", "max_gradient": 0.123456789}),
    ],
)  # fmt: skip
def test_a_clone_sent_off_unchanged_is_the_same_job(
    world: World, browser: Client, form: str, changes: dict[str, Any]
) -> None:
    with world.scope():
        dataset = str(world.dataset(form, name="rows").id)
        source = submission.submit(world.owner, world.train(dataset=dataset, **changes))
    fields = shown(browser, f"/jobs/new/train/?from={source.id}")
    with world.scope():
        assert made(browser, "train", fields).spec == source.spec


def test_replay_and_teacher_survive_a_clone(world: World, browser: Client) -> None:
    with world.scope():
        general = world.dataset("text", name="general")
        replay = {"dataset": str(general.id), "share": 0.25}
        for objective in (
            {"method": "cpt", "replay": replay},
            {"method": "distill", "teacher": str(world.tuned.id), "top_k": None},
        ):
            source = submission.submit(world.owner, world.train(objective=objective))
            fields = shown(browser, f"/jobs/new/train/?from={source.id}")
            assert made(browser, "train", fields).spec == source.spec


def names_on(page: str) -> set[str]:
    return set(re.findall(r' name="((?:objective|tuning)\.[^"]+)"', page))


@pytest.mark.parametrize(
    ("method", "fields", "absent"),
    [
        ("sft", set(), {"objective.beta", "objective.teacher", "objective.replay.dataset"}),
        ("cpt", {"objective.replay.dataset", "objective.replay.share"}, {"objective.beta"}),
        ("dpo", {"objective.beta", "objective.loss", "objective.label_smoothing",
                 "objective.sft_weight"}, {"objective.teacher"}),
        ("distill", {"objective.teacher", "objective.temperature", "objective.teacher_weight",
                     "objective.top_k", "objective.hidden_weight"}, {"objective.beta"}),
    ],
)  # fmt: skip
def test_only_the_fields_of_the_objective_are_there(
    world: World, browser: Client, method: str, fields: set[str], absent: set[str]
) -> None:
    page = refreshed(browser, train_fields(world, **{"objective.method": method}))

    assert fields <= names_on(page) and not absent & names_on(page)


def refreshed(browser: Client, fields: Fields) -> str:
    answer = browser.post("/jobs/new/train/", fields | {"do": "refresh"})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_an_adapters_fields_begin_with_the_specs_defaults(
    world: World, browser: Client, method: str
) -> None:
    fields = train_fields(world, **{"tuning.method": method, "was": "spectrum"})
    fields |= {"tuning.modules": "of Spectrum", "tuning.by": "tuning.modules"}

    found = values_of(refreshed(browser, fields))

    assert (found["tuning.rank"], found["tuning.alpha"], found["tuning.modules"]) == ("16", "", "")
    assert (found["tuning.decomposed"], found["epochs"]) == ("false", "3")
    assert "tuning.percent" not in found


def test_from_lora_to_qlora_what_was_typed_stays(world: World, browser: Client) -> None:
    fields = train_fields(world, **{"tuning.method": "qlora", "was": "lora", "tuning.rank": "4"})

    assert values_of(refreshed(browser, fields))["tuning.rank"] == "4"


def test_preference_pairs_can_be_chosen_for_dpo_alone(world: World, browser: Client) -> None:
    with world.scope():
        pairs = world.dataset("preference", name="pairs")
    page = refreshed(browser, train_fields(world, **{"objective.method": "dpo"}))

    def option(key: Any) -> str:
        return re.search(rf'<option value="{key}"[^>]*>[^<]*', page)[0]

    assert " disabled" not in option(pairs.id)
    with world.scope():
        other = world.dataset("chat", name="talk")
    page = refreshed(browser, train_fields(world, **{"objective.method": "dpo", "dataset": ""}))
    assert " disabled" in option(other.id) and "no rejected answers" in option(other.id)


def test_general_text_may_be_watched_whatever_is_learned(world: World, browser: Client) -> None:
    with world.scope():
        pairs, held = world.dataset("preference"), world.dataset("text", name="held", train_rows=0)
    page = refreshed(browser, train_fields(world, **{"objective.method": "dpo"}))
    watched = re.search(r'name="forgetting.dataset".*?</select>', page, re.DOTALL)[0]

    assert " disabled" not in re.search(rf'value="{held.id}"[^>]*>', watched)[0]
    assert " disabled" in re.search(rf'value="{pairs.id}"[^>]*>', watched)[0]


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"objective.method": "distill"}, "objective.teacher", "teacher is missing."),
        ({"objective.method": "cpt", "objective.replay.dataset": "", "objective.replay.share": ".3"},
         "objective.replay.dataset", "dataset is missing."),
        ({"tuning.by": "tuning.budget_gb", "tuning.budget_gb": ""}, "tuning.budget_gb", "not a number"),
        ({"tuning.by": "tuning.modules", "tuning.modules": " "}, "tuning.modules", "too few entries"),
        ({"tuning.method": "lora", "tuning.rank": "0"}, "tuning.rank", "0' is too small."),
        ({"schedule": "wild"}, "schedule", "schedule can't be 'wild'."),
        ({"evaluation.share": "1"}, "evaluation.share", "too large"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field(
    world: World, browser: Client, changes: dict[str, str], place: str, words: str
) -> None:
    with world.scope():
        found = refused(browser, "train", train_fields(world, **changes))

    assert found.keys() == {place} and words in found[place]


def test_the_report_leads_to_the_field(world: World, browser: Client) -> None:
    fields = train_fields(world, batch_size="0", do="preview")
    page = browser.post("/jobs/new/train/", fields).content.decode()

    assert '<a href="#field-batch_size" data-goto>Batch size</a>' in page


def test_help_is_what_the_spec_says(browser: Client) -> None:
    page = unescape(browser.get("/jobs/new/train/").content.decode())

    for place in ("learning_rate", "warmup_ratio", "weight_decay", "seed"):
        assert TrainSpec.model_fields[place].description in page


def test_every_field_of_the_spec_explains_itself() -> None:
    leaves = [leaf for union in UNIONS for group in union.leaves.values() for leaf in group]

    silent = [leaf.place for leaf in [*COMMON, *leaves] if not leaf.info.description]

    assert silent == []


def test_what_a_blank_means_is_said_in_the_field() -> None:
    alpha = next(leaf for leaf in UNIONS[1].leaves["lora"] if leaf.place == "tuning.alpha")

    assert alpha.told == ("Strength. From above 0", "twice the rank")
