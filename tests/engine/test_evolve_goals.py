"""What is searched and what is reported are different questions."""

import json
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import InputError
from alloyengine.evolve.goals import Questions, digest_of, read_goals
from alloyengine.report import Silent
from tests.engine.evolving import Recording, spec_of

METALS = ["gold", "tin", "iron", "lead", "zinc", "copper", "nickel", "silver", "cobalt"]


def dataset(folder: Path, names: list[str], asked: str = "Symbol of {}?") -> Path:
    folder.mkdir()
    rows = [{"prompt": asked.format(name), "completion": name[:2]} for name in names]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def read(tmp_path: Path, heard: Silent | None = None, **task: Any) -> list[Questions]:
    spec = spec_of(tasks=[{"dataset": "d", **task}])
    places = {name: tmp_path / name for name in ("d", "r")}
    return read_goals(spec, places, heard or Silent())


def asked(rows: Any) -> set[str]:
    return {row[0]["content"] for row in rows}


def test_half_of_a_test_split_is_kept_for_the_report(tmp_path: Path):
    dataset(tmp_path / "d", METALS)
    [found] = read(tmp_path)
    assert (len(found.search), len(found.report)) == (5, 4)
    assert not asked(found.search) & asked(found.report)
    assert asked(found.search) | asked(found.report) == {f"Symbol of {m}?" for m in METALS}


def test_two_tasks_on_one_dataset_keep_the_same_half(tmp_path: Path):
    dataset(tmp_path / "d", METALS)
    spec = spec_of(tasks=[{"dataset": "d"}, {"dataset": "d", "metric": "perplexity"}])
    one, two = read_goals(spec, {"d": tmp_path / "d"}, Silent())
    assert one.report == two.report


def test_a_question_that_is_there_again_counts_once(tmp_path: Path):
    dataset(tmp_path / "d", METALS)
    with (tmp_path / "d/test.jsonl").open("a") as file:
        file.write(json.dumps({"prompt": " symbol of  GOLD?", "completion": "Au"}) + "\n")
    report = Recording()
    [found] = read(tmp_path, report)
    assert len(found.search) + len(found.report) == len(METALS)
    assert report.logs == ["1 questions of 'd' are there again and are left out."]


def test_a_report_of_its_own_leaves_the_whole_split_to_the_search(tmp_path: Path):
    dataset(tmp_path / "d", METALS[:5])
    dataset(tmp_path / "r", METALS[5:])
    [found] = read(tmp_path, report="r")
    assert (len(found.search), len(found.report)) == (5, 4)


def test_a_report_on_what_was_searched_is_refused(tmp_path: Path):
    dataset(tmp_path / "d", METALS[:5])
    dataset(tmp_path / "r", METALS[3:], asked="symbol  of {}?")
    with pytest.raises(InputError, match=r"2 of the 6 questions of the report \('r'\)"):
        read(tmp_path, report="r")


def test_a_report_may_not_ask_what_another_task_searches(tmp_path: Path):
    dataset(tmp_path / "d", METALS[:5])
    dataset(tmp_path / "r", METALS)
    spec = spec_of(tasks=[{"dataset": "r", "report": "e"}, {"dataset": "d"}])
    dataset(tmp_path / "e", ["helium", "neon"])
    with pytest.raises(InputError, match="searched by, too"):
        read_goals(spec, {name: tmp_path / name for name in "der"}, Silent())


def test_a_test_set_too_small_to_be_divided_is_refused(tmp_path: Path):
    dataset(tmp_path / "d", METALS[:3])
    with pytest.raises(InputError, match=r"has 3 different questions: too few"):
        read(tmp_path)


def test_a_test_set_without_answers_is_refused(tmp_path: Path):
    (tmp_path / "d").mkdir()
    rows = "".join(json.dumps({"text": f"{m} shines"}) + "\n" for m in METALS)
    (tmp_path / "d/test.jsonl").write_text(rows)
    with pytest.raises(InputError, match="needs questions with answers"):
        read(tmp_path)


def test_a_sample_is_the_same_for_all_and_in_a_new_order_each_generation(tmp_path: Path):
    dataset(tmp_path / "d", METALS)
    [found] = read(tmp_path, sample=4)
    first, second = found.drawn(0, 1), found.drawn(0, 2)
    assert len(first) == 4
    assert asked(first) == asked(second) <= asked(found.search)
    assert first == found.drawn(0, 1)
    assert any(found.drawn(0, n) != first for n in range(2, 9))


def test_other_questions_have_another_digest(tmp_path: Path):
    dataset(tmp_path / "d", METALS)
    before = digest_of(read(tmp_path))
    assert before == digest_of(read(tmp_path))
    (tmp_path / "d/test.jsonl").write_text((tmp_path / "d/test.jsonl").read_text().lower())
    assert digest_of(read(tmp_path)) != before


def test_a_lower_perplexity_is_worth_more(tmp_path: Path):
    dataset(tmp_path / "d", METALS)
    [found] = read(tmp_path, metric="perplexity")
    assert found.worth(2.0) > found.worth(3.0)
    assert not found.bounded
