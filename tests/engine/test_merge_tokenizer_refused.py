"""Files of tokenizers that can't be true, and recipes that can't be meant, are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer import plan_vocabulary
from alloyengine.spec.tokenizer import ChatTemplate, Tokenizer
from tests.engine.tiny_tokenizers import entry, folder, plain, unigrams


def refusal(tmp_path: Path, document: Any, rows: int = 64, **config: Any) -> str:
    """What is said of a tokenizer.json when a union is made with it."""
    path = folder(tmp_path / "a", plain([]), **config)
    (path / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as refused:
        plan_vocabulary("union", "a", {"a": path}, {"a": rows})
    assert refused.value.remedy or "JSON" in refused.value.message
    return refused.value.message


def with_vocab(**ids: Any) -> dict[str, Any]:
    document = plain([])
    document["model"]["vocab"] |= ids
    return document


def with_added(*entries: Any) -> dict[str, Any]:
    document = plain([])
    document["added_tokens"] += entries
    return document


def test_a_file_that_is_no_object(tmp_path: Path) -> None:
    assert "does not hold a JSON object" in refusal(tmp_path, ["tokens"])


def test_a_model_of_an_unknown_type(tmp_path: Path) -> None:
    assert "type 'Magic', not one of BPE" in refusal(tmp_path, {"model": {"type": "Magic"}})


def test_a_model_that_is_none(tmp_path: Path) -> None:
    assert "type 'BPE', not one of" in refusal(tmp_path, {"model": "BPE"})


def test_a_type_that_is_no_text(tmp_path: Path) -> None:
    assert "type ['BPE'], not one of" in refusal(tmp_path, {"model": {"type": ["BPE"]}})


def test_a_vocabulary_that_is_no_mapping(tmp_path: Path) -> None:
    assert "not a mapping" in refusal(tmp_path, {"model": {"type": "BPE", "vocab": ["a"]}})


@pytest.mark.parametrize("number", [-1, 1 << 40, "7", 7.5, True, None])
def test_an_id_that_is_none(tmp_path: Path, number: Any) -> None:
    assert f"'wrong' has the id {number}" in refusal(tmp_path, with_vocab(wrong=number))


def test_an_id_that_two_tokens_have(tmp_path: Path) -> None:
    assert "'_tok_7' and 'twin' share the id 7" in refusal(tmp_path, with_vocab(twin=7))


def test_an_added_token_with_an_id_that_nobody_would_give_it(tmp_path: Path) -> None:
    assert "'X' has id 99, not 64" in refusal(tmp_path, with_added(entry("X", 99)))


def test_an_added_token_that_the_vocabulary_numbers_differently(tmp_path: Path) -> None:
    assert "'_tok_9' has id 64, not 9" in refusal(tmp_path, with_added(entry("_tok_9", 64)))


@pytest.mark.parametrize("wrong", ["X", {"id": 64}, {"id": 64, "content": 5}, None])
def test_an_added_token_that_is_none(tmp_path: Path, wrong: Any) -> None:
    assert "is not an added token" in refusal(tmp_path, with_added(wrong))


def test_added_tokens_that_are_no_list(tmp_path: Path) -> None:
    assert "not a list" in refusal(tmp_path, plain([]) | {"added_tokens": {"0": "<s>"}})


def test_added_tokens_of_the_config_that_are_no_mapping(tmp_path: Path) -> None:
    message = refusal(tmp_path, plain([]), added_tokens_decoder={"one": {"content": "X"}})
    assert "added_tokens_decoder in tokenizer_config.json is not a mapping" in message


def test_a_token_that_is_no_unicode(tmp_path: Path) -> None:
    assert "no valid Unicode" in refusal(tmp_path, with_vocab(**{"\ud800": 64}))


def test_pieces_without_scores(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"model": {"type": "Unigram", "vocab": [["a", 0.5], ["b"]]}})
    assert "\"['b']\" is no piece with a score" in message


def test_a_piece_that_is_there_twice(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"model": {"type": "Unigram", "vocab": [["a", 1.0], ["a", 1.0]]}})
    assert "is there twice" in message


@pytest.mark.parametrize("vocab", [{"a": 70, "b": 71}, {}], ids=["beyond", "empty"])
def test_a_vocabulary_without_a_single_row(tmp_path: Path, vocab: dict[str, int]) -> None:
    document = {"model": {"type": "WordLevel", "vocab": vocab}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="No token of a has an embedding"):
        plan_vocabulary("base", "a", {"a": tmp_path}, {"a": 64})


def test_text_that_is_no_unicode(tmp_path: Path) -> None:
    document = plain(["X"]) | {"decoder": {"type": "Fuse", "name": "\ud800"}}
    assert "text that is no valid Unicode" in refusal(tmp_path, document)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", plain([]))
    with (path / "tokenizer.json").open("r+b") as file:
        file.truncate(60_000_000)
    with pytest.raises(InputError, match="larger than"):
        plan_vocabulary("union", "a", {"a": path}, {"a": 64})


def test_a_merge_of_three_tokens(tmp_path: Path) -> None:
    document = plain(["X"])
    document["model"]["vocab"]["beyond"] = 64
    document["added_tokens"][-1]["id"] = 65
    document["model"]["merges"] = [["a", "b", "c"]]
    assert "is no merge of two tokens" in refusal(tmp_path, document)


def test_a_tokenizer_that_needs_what_has_no_embedding(tmp_path: Path) -> None:
    document = with_added(entry("[CLS]", 64))
    document["post_processor"] = {
        "type": "BertProcessing",
        "sep": ["</s>", 2],
        "cls": ["[CLS]", 64],
    }
    assert "needs '[CLS]', for which the model has no embedding" in refusal(tmp_path, document)


def test_an_unknown_piece_that_has_no_embedding(tmp_path: Path) -> None:
    document = json.loads(unigrams(["a b c"], 10).to_str())
    document["model"]["vocab"].append(["?", 0.0])
    document["model"]["unk_id"] = rows = len(document["model"]["vocab"]) - 1
    assert f"needs piece {rows}" in refusal(tmp_path, document, rows=rows)


def test_files_that_nobody_can_make_a_tokenizer_of(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", plain([]))
    (path / "tokenizer.json").unlink()
    (path / "tokenizer.model").write_bytes(b"not a model of sentencepiece")
    with pytest.raises(InputError, match=r"No tokenizer.json can be made"):
        plan_vocabulary("union", "a", {"a": path}, {"a": 64})


def wrong(recipe: dict[str, Any]) -> tuple[tuple[Any, ...], str]:
    with pytest.raises(ValidationError) as refused:
        Tokenizer.model_validate(recipe)
    [problem] = refused.value.errors()
    return problem["loc"], problem["msg"]


@pytest.mark.parametrize("source", [3, [], {}, {"kind": "nil"}, {"kind": ["zero"]}, {"model": "a"}])
def test_a_source_of_no_kind(source: Any) -> None:
    place, message = wrong({"tokens": {"<s>": {"source": source}}})
    assert place == ("tokens", "<s>", "source")
    assert message == "a source is a model, {kind: model_token, ...} or {kind: zero}"


@pytest.mark.parametrize("names", [{}, {"token": "<s>", "token_id": 1}])
def test_a_source_that_names_no_one_token(names: dict[str, Any]) -> None:
    source = {"kind": "model_token", "model": "a"} | names
    _, message = wrong({"tokens": {"<s>": {"source": source}}})
    assert message == "model_token names one token, by token or by token_id"


def test_force_without_a_source() -> None:
    assert wrong({"tokens": {"<s>": {"force": True}}}) == (
        ("tokens", "<s>"),
        "force needs a source",
    )


@pytest.mark.parametrize("multiple", [0, -8, True, "64", 1 << 30])
def test_a_multiple_that_is_no_number_of_rows(multiple: Any) -> None:
    assert wrong({"pad_to_multiple_of": multiple})[0] == ("pad_to_multiple_of",)


def test_an_unknown_field() -> None:
    assert wrong({"sources": "union"})[0] == ("sources",)


def test_models_are_found_wherever_a_recipe_names_them() -> None:
    tokens = {
        "a": {"source": "one"},
        "b": {"source": {"kind": "model_token", "model": "two", "token_id": 5}},
        "c": {"source": {"kind": "zero"}},
        "d": {"source": None},
    }
    recipe = Tokenizer.model_validate({"source": "three", "tokens": tokens})
    assert list(recipe.references()) == [
        (("source",), "three"),
        (("tokens", "a", "source"), "one"),
        (("tokens", "b", "source", "model"), "two"),
    ]
    assert list(Tokenizer().references()) == []


@pytest.mark.parametrize("template", ["chatmll", "{{ messages }}", "x" * 50, "{" * 100_001])
def test_a_chat_template_that_is_neither_known_nor_jinja(template: str) -> None:
    with pytest.raises(ValidationError, match="template"):
        TypeAdapter(ChatTemplate).validate_python(template)


@pytest.mark.parametrize(
    "template", ["auto", "llama3", "{% for m in messages %}{{ m }}{% endfor %}"]
)
def test_a_chat_template_that_is(template: str) -> None:
    assert TypeAdapter(ChatTemplate).validate_python(template) == template
