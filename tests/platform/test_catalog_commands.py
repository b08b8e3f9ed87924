"""`alloy models import` and `alloy models list`, with the engine and real files."""

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import base_models, tokens, versions
from alloyworks.catalog.models import ModelVersion
from alloyworks.cli.models import app
from alloyworks.embedded.state import State, write_json
from alloyworks.errors import Conflict, Invalid
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.engine.tiny import tiny_llama
from tests.platform.catalog_cast import stored

pytestmark = pytest.mark.usefixtures("committed_db")


def alloy_models(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "llama", seed=1)


def test_a_model_is_imported_listed_and_counts_tokens(llama: Path, alice: Principal) -> None:
    (llama / "notes.txt").write_text("not for everyone")

    first = alloy_models("import", llama, "--name", "Tiny [1]")
    again = alloy_models("import", llama, "--name", "Tiny [1]")

    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert "Imported Tiny [1] v1, 0 M parameters" in first.output
    assert "Already imported: Tiny [1] v1" in again.output
    assert "Tiny [1]" in alloy_models("list").output
    with scope(alice.organisation.id):
        (model,) = versions.models_of(alice)
        assert {file["path"] for file in model.files} == {
            "model.safetensors",
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        }
        assert tokens.lengths(alice, stored(alice, 2, 3).id, model.id)["examples"] == 2
    for file in model.files:
        assert objects.sha256(model.storage_prefix + file["path"]) == file["sha256"]


def test_a_dangerous_folder_is_refused_and_nothing_is_kept(llama: Path) -> None:
    (llama / "pytorch_model.bin").write_bytes(b"x")

    result = alloy_models("import", llama)

    assert isinstance(result.exception, Invalid)
    assert "pytorch_model.bin is a pickle" in str(result.exception.detail)
    assert "Save the model as safetensors" in str(result.exception.detail)
    assert not base_models.base_models().exists()


def test_an_empty_list_says_what_to_do() -> None:
    assert "alloy models import" in alloy_models("list").output


def test_the_settings_of_a_stack_are_used_when_its_folder_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path / "state")
    state.prepare()
    write_json(state.run / "environment.json", {"ALLOY_MARK": "of the stack"})
    monkeypatch.setenv("ALLOY_MARK", "of the shell")

    assert alloy_models("list", "--state", state.dir).exit_code == 0
    assert os.environ["ALLOY_MARK"] == "of the stack"


def test_without_a_stack_and_without_settings_it_says_how_to_start_one(tmp_path: Path) -> None:
    result = alloy_models("list", "--state", tmp_path / "nothing")

    assert isinstance(result.exception, Conflict)
    assert "alloy up" in result.exception.detail


@pytest.mark.parametrize("facts", [{}, {"parameters": 7}])
def test_models_without_facts_are_listed_too(facts: dict[str, Any]) -> None:
    ModelVersion.objects.using("owner").create(name="old", origin="base", facts=facts)

    assert alloy_models("list").exit_code == 0
