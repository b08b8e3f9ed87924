"""A task file is data: it runs nothing, reads nothing that is not beside it, and ends."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from alloyengine.errors import InputError
from alloyengine.evaluate.harness.files import read_task
from alloyengine.evaluate.harness.guard import guarded
from alloyengine.evaluate.harness.task import run_task
from alloyengine.evaluate.models import load
from alloyengine.spec.evaluate import Task
from tests.engine.harness_tasks import (
    CHOICE,
    GENERATE,
    documents_elsewhere,  # noqa: F401  # a fixture for all of these tests
    written,
)


def refused(folder: Path, text: str | dict[str, Any]) -> InputError:
    file = written(folder, CHOICE)
    file.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
    with pytest.raises(InputError) as told:
        read_task(file, None)
    return told.value


def test_a_plain_task_is_read(tmp_path: Path):
    config = read_task(written(tmp_path, CHOICE), None)
    assert config["dataset_kwargs"]["data_files"]["test"] == str(
        (tmp_path / "docs.jsonl").resolve()
    )
    assert config["doc_to_text"] == CHOICE["doc_to_text"]


@pytest.mark.parametrize(
    "line",
    [
        "process_docs: !function utils.evil",
        "doc_to_text: !function utils.evil",
        "doc_to_text: !!python/object/apply:os.system ['true']",
        "class: !function task.Mine",
    ],
)
def test_no_function_is_named(line: str, tmp_path: Path):
    (tmp_path / "utils.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\ndef evil(x): return x\n"
    )
    found = refused(tmp_path, yaml.safe_dump(CHOICE) + line + "\n")
    assert found.code == "task_code"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"include": "other.yaml"}, "include is not supported"),
        ({"process_docs": "utils.f"}, "process_docs is not supported"),
        ({"custom_dataset": "utils.f"}, "custom_dataset is not supported"),
        ({"unsafe_code": True}, "unsafe_code is not supported"),
        ({"use_prompt": "promptsource:*"}, "use_prompt is not supported"),
        ({"metric_list": [{"metric": "code_eval"}]}, "no metric 'code_eval'"),
        ({"metric_list": [{"metric": "acc", "hf_evaluate": True}]}, "hf_evaluate is not"),
        ({"metric_list": ["acc"]}, "no metric None"),
        (
            {"filter_list": [{"name": "x", "filter": [{"function": "custom"}]}]},
            "no filter 'custom'",
        ),
        ({"fewshot_config": {"process_docs": "f"}}, "fewshot_config.process_docs"),
        ({"generation_kwargs": {"logits_processor": 1}}, "generation_kwargs.logits_processor"),
        ({"task": ["a", "b"]}, "task is not one name"),
        ({"output_type": None}, "output_type is missing"),
        ({"dataset_path": "someone/repository"}, "no documents of its own"),
        (
            {"dataset_kwargs": {"data_files": {"test": "docs.jsonl"}, "data_dir": "/"}},
            "no documents",
        ),
    ],
)
def test_what_may_do_harm_is_refused(change: dict[str, Any], words: str, tmp_path: Path):
    assert words in str(refused(tmp_path, CHOICE | change))


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "../outside.jsonl", "https://example.org/a.jsonl", "*.jsonl", 3, ["a"]]
)
def test_documents_lie_beside_the_task(place: Any, tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "outside.jsonl").write_text("{}\n")
    change = {"dataset_kwargs": {"data_files": {"test": place}}}
    assert "beside it" in str(refused(tmp_path / "inner", CHOICE | change))


def test_a_link_out_of_the_folder_is_followed_by_nobody(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.jsonl").write_text("{}\n")
    (tmp_path / "inner/link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    change = {"dataset_kwargs": {"data_files": {"test": "link.jsonl"}}}
    assert "beside it" in str(refused(tmp_path / "inner", CHOICE | change))


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", "\x00", "just words"])
def test_what_is_no_task_is_refused(text: str, tmp_path: Path):
    refused(tmp_path, text)


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('true').read() }}",
    "{{ self.__init__.__globals__ }}",
    "{{ question.format.__globals__ }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_a_template_reaches_nothing_of_python(template: str, llama: Path, tmp_path: Path):
    file = written(tmp_path, CHOICE | {"doc_to_text": template})
    with pytest.raises(InputError, match=r"can't be run: (SecurityError|UndefinedError)"):
        run_task(load(llama), Task(file="t"), {"t": file}, 4)


def test_templates_of_users_may_replace_by_patterns_that_end(tmp_path: Path):
    import lm_eval.utils

    before = lm_eval.utils.env
    with guarded(of_user=True):
        made = lm_eval.utils.apply_template(
            "{{ a | regex_replace('[0-9]+', '#') }}", {"a": "x12y3"}
        )
        began = time.monotonic()
        with pytest.raises(InputError, match="took longer"):
            lm_eval.utils.apply_template(
                "{{ a | regex_replace('^(a|a|aa)+$', '') }}", {"a": "a" * 60 + "!"}
            )
    assert made == "x#y#" and time.monotonic() - began < 10
    assert lm_eval.utils.env is before


def test_a_filters_pattern_ends(llama: Path, tmp_path: Path):
    slow = {"function": "regex", "regex_pattern": "^(.|.|..)+\\Z(?!)"}
    change = {"filter_list": [{"name": "slow", "filter": [slow, {"function": "take_first"}]}]}
    config = GENERATE | change | {"generation_kwargs": {"until": ["\n\n\n"], "max_gen_toks": 60}}
    file = written(tmp_path, config)
    with pytest.raises(InputError, match="took longer"):
        run_task(load(llama), Task(file="t", limit=2), {"t": file}, 4)


def test_the_harness_is_as_it_was_afterwards(llama: Path, tmp_path: Path):
    import re

    import datasets.config
    import lm_eval.filters.extraction

    offline = datasets.config.HF_HUB_OFFLINE
    run_task(load(llama), Task(file="t", limit=1), {"t": written(tmp_path, CHOICE)}, 4)
    assert lm_eval.filters.extraction.re is re
    assert offline == datasets.config.HF_HUB_OFFLINE


def test_rows_that_are_broken_are_told_of(llama: Path, tmp_path: Path):
    file = written(tmp_path, CHOICE)
    (tmp_path / "docs.jsonl").write_text(json.dumps({"question": "?"}) + "\nnot json\n")
    with pytest.raises(InputError, match="can't be run"):
        run_task(load(llama), Task(file="t"), {"t": file}, 4)
