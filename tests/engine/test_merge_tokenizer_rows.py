"""Which row of which embedding a token of the result comes from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer import Run, Vocabulary, plan_vocabulary
from alloyengine.spec.tokenizer import Tokenizer
from tests.engine.tiny_tokenizers import entry, folder, load, plain

CHAT = ["<|im_start|>", "<|im_end|>"]
UNUSED = [f"<UNUSED_{i}>" for i in range(4)]
ROWS = {"base": 64, "chatml": 66, "padded": 64}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """64 tokens; two more for chatml; four more of which the model knows nothing."""
    added: dict[str, list[str]] = {"base": [], "chatml": CHAT, "padded": UNUSED}
    return {name: folder(tmp_path / name, plain(tokens)) for name, tokens in added.items()}


def planned(folders: dict[str, Path], wanted: Any, base: str | None = "base") -> Vocabulary:
    recipe = wanted if isinstance(wanted, str) else Tokenizer.model_validate(wanted)
    vocabulary = plan_vocabulary(recipe, base, folders, {name: ROWS[name] for name in folders})
    assert vocabulary is not None
    return vocabulary


def saved(vocabulary: Vocabulary, folder: Path) -> dict[str, int]:
    """The tokens of the result as transformers reads them."""
    folder.mkdir()
    vocabulary.save(folder)
    tokenizer = load(folder)
    return dict(tokenizer.get_vocab())


def embedding(vocabulary: Vocabulary, model: str) -> np.ndarray:
    """A model's rearranged embedding; row i of a model is [its place among ROWS, i]."""
    sources = {
        name: np.stack([np.full(count, number), np.arange(count)], axis=1).astype(float)
        for number, (name, count) in enumerate(ROWS.items())
    }
    out = np.full((vocabulary.size, 2), np.nan)
    for run in vocabulary.rows[model]:
        parts = [sources[name][first : first + run.count] for name, first in run.origins]
        out[run.start : run.start + run.count] = np.mean(parts, axis=0) if parts else 0
    return out


def test_a_recipe_that_says_nothing_changes_nothing(folders: dict[str, Path]) -> None:
    assert plan_vocabulary(None, "base", folders, ROWS) is None


def test_base_keeps_the_tokens_of_the_base(folders: dict[str, Path], tmp_path: Path) -> None:
    vocabulary = planned(folders, "base")
    assert (vocabulary.size, vocabulary.tokens) == (64, 64)
    assert len(saved(vocabulary, tmp_path / "out")) == 64
    assert all(vocabulary.unchanged(model) for model in folders)


def test_union_has_the_tokens_of_all_but_those_without_a_row(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    vocabulary = planned(folders, "union")
    tokens = saved(vocabulary, tmp_path / "out")
    assert vocabulary.size == len(tokens) == 66
    assert tokens.keys() >= set(CHAT)
    assert not tokens.keys() & set(UNUSED)
    assert len(load(tmp_path / "out").added_tokens_decoder) == 5


def test_union_says_which_tokens_were_left_out(folders: dict[str, Path]) -> None:
    [note] = planned(folders, "union").notes
    assert note == (f"padded: 4 tokens have no embedding and are left out: {', '.join(UNUSED)}.")


def test_union_takes_a_token_from_the_one_model_that_has_it(folders: dict[str, Path]) -> None:
    vocabulary = planned(folders, "union")
    for model in folders:
        assert embedding(vocabulary, model)[64:].tolist() == [[1, 64], [1, 65]]
    assert embedding(vocabulary, "padded")[:64].tolist() == [[2, i] for i in range(64)]


def test_equal_ids_come_out_as_one_run(folders: dict[str, Path]) -> None:
    rows = planned(folders, "union").rows
    assert rows["chatml"] == (Run(0, 66, (("chatml", 0),)),)
    assert rows["base"] == (Run(0, 64, (("base", 0),)), Run(64, 2, (("chatml", 64),)))


def test_a_model_can_be_the_source(folders: dict[str, Path], tmp_path: Path) -> None:
    vocabulary = planned(folders, "chatml")
    assert saved(vocabulary, tmp_path / "out") == dict(load(folders["chatml"]).get_vocab())
    assert vocabulary.size == 66


def test_without_a_base_the_first_model_is_the_source(folders: dict[str, Path]) -> None:
    assert planned(folders, "base", base=None).size == 64
    backwards = dict(reversed(folders.items()))
    assert planned(backwards, "union", base=None).size == 66


def test_an_unused_token_of_the_source_itself_is_left_out(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    tokens = saved(planned(folders, "padded"), tmp_path / "out")
    assert len(tokens) == 64
    assert not tokens.keys() & set(UNUSED)


def test_forced_tokens_are_taken_by_every_model(folders: dict[str, Path]) -> None:
    tokens = {
        "_tok_10": {"source": "chatml", "force": True},
        "_tok_11": {"source": "base", "force": True},
    }
    vocabulary = planned(folders, {"source": "union", "tokens": tokens})
    for model in folders:
        assert embedding(vocabulary, model)[10:12].tolist() == [[1, 10], [0, 11]]


def test_a_token_forced_on_its_own_model_is_nothing_new(folders: dict[str, Path]) -> None:
    tokens = {"_tok_10": {"source": "base", "force": True}}
    assert planned(folders, {"source": "base", "tokens": tokens}).unchanged("base")


def test_a_source_that_is_not_forced_is_for_models_that_lack_the_token(
    folders: dict[str, Path],
) -> None:
    tokens = {CHAT[0]: {"source": {"kind": "model_token", "model": "base", "token": "_tok_7"}}}
    vocabulary = planned(folders, {"source": "union", "tokens": tokens})
    assert embedding(vocabulary, "base")[64].tolist() == [0, 7]
    assert embedding(vocabulary, "chatml")[64].tolist() == [1, 64]


def test_a_token_can_be_named_by_its_text_or_its_id(folders: dict[str, Path]) -> None:
    by_id = {"kind": "model_token", "model": "chatml", "token_id": 64}
    by_text = {"kind": "model_token", "model": "base", "token": "<s>"}
    tokens = {
        "_tok_20": {"source": by_id, "force": True},
        "_tok_21": {"source": by_text, "force": True},
    }
    vocabulary = planned(folders, {"source": "base", "tokens": tokens})
    assert vocabulary.size == 64
    for model in folders:
        assert embedding(vocabulary, model)[20:22].tolist() == [[1, 64], [0, 1]]


def test_a_token_can_be_zero(folders: dict[str, Path]) -> None:
    tokens = {"_tok_9": {"source": {"kind": "zero"}, "force": True}}
    vocabulary = planned(folders, {"source": "base", "tokens": tokens})
    assert embedding(vocabulary, "chatml")[8:11].tolist() == [[1, 8], [0, 0], [1, 10]]


def test_a_token_that_no_model_has_is_added(folders: dict[str, Path], tmp_path: Path) -> None:
    source = {"kind": "model_token", "model": "chatml", "token": "<|im_end|>"}
    vocabulary = planned(folders, {"source": "base", "tokens": {"<|stop|>": {"source": source}}})
    assert embedding(vocabulary, "base")[64].tolist() == [1, 65]
    assert saved(vocabulary, tmp_path / "out")["<|stop|>"] == 64
    assert load(tmp_path / "out")("<|stop|>", add_special_tokens=False).input_ids == [64]


def test_a_new_token_is_special_if_the_one_it_is_made_of_is(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    source = {"kind": "model_token", "model": "base", "token_id": 2}
    tokens = {"<|stop|>": {"source": source}, "<|go|>": {}}
    saved(planned(folders, {"source": "base", "tokens": tokens}), tmp_path / "out")
    added = load(tmp_path / "out").added_tokens_decoder
    assert (added[64].special, added[65].special) == (True, False)


def test_a_new_token_without_a_source_is_zero(folders: dict[str, Path]) -> None:
    vocabulary = planned(folders, {"source": "base", "tokens": {"<|new|>": {}}})
    assert embedding(vocabulary, "base")[64].tolist() == [0, 0]


def test_padding_adds_rows_but_no_tokens(folders: dict[str, Path], tmp_path: Path) -> None:
    vocabulary = planned(folders, {"source": "chatml", "pad_to_multiple_of": 16})
    assert (vocabulary.size, vocabulary.tokens) == (80, 66)
    assert len(saved(vocabulary, tmp_path / "out")) == 66
    # As the average token: a row of zeros could be drawn, its logit being 0.
    assert embedding(vocabulary, "chatml")[66:].tolist() == [[1, 32.5]] * 14


def test_a_multiple_that_is_reached_adds_nothing(folders: dict[str, Path]) -> None:
    assert planned(folders, {"source": "base", "pad_to_multiple_of": 16}).size == 64


def test_what_several_models_have_and_the_base_lacks_is_their_mean(tmp_path: Path) -> None:
    added = {"base": [], "chatml": CHAT, "padded": CHAT}
    folders = {name: folder(tmp_path / name, plain(tokens)) for name, tokens in added.items()}
    rows = {"base": 64, "chatml": 66, "padded": 66}
    vocabulary = plan_vocabulary("union", "base", folders, rows)
    assert vocabulary is not None
    assert vocabulary.rows["base"][1] == Run(64, 2, (("chatml", 64), ("padded", 64)))


def test_what_the_base_has_is_taken_from_it(tmp_path: Path) -> None:
    added = {"base": CHAT, "chatml": CHAT, "padded": []}
    folders = {name: folder(tmp_path / name, plain(tokens)) for name, tokens in added.items()}
    rows = {"base": 66, "chatml": 66, "padded": 64}
    vocabulary = plan_vocabulary("base", "base", folders, rows)
    assert vocabulary is not None
    assert vocabulary.rows["padded"][1] == Run(64, 2, (("base", 64),))


def test_tokens_are_matched_by_text_whatever_their_ids(tmp_path: Path) -> None:
    shuffled = plain([])
    vocab = shuffled["model"]["vocab"]
    vocab["_tok_5"], vocab["_tok_6"] = 6, 5
    folders = {"base": folder(tmp_path / "base", plain([]))}
    folders["chatml"] = folder(tmp_path / "chatml", shuffled)
    rows = planned(folders, "union").rows["chatml"]
    assert [(run.start, run.count, run.origins[0][1]) for run in rows] == [
        (0, 5, 0), (5, 1, 6), (6, 1, 5), (7, 57, 7),
    ]  # fmt: skip


def test_rows_without_tokens_stay_where_the_source_has_them(tmp_path: Path) -> None:
    folders = {name: folder(tmp_path / name, plain([])) for name in ("base", "chatml")}
    vocabulary = plan_vocabulary("union", "base", folders, {"base": 72, "chatml": 68})
    assert vocabulary is not None
    assert (vocabulary.size, vocabulary.tokens) == (72, 64)
    assert vocabulary.unchanged("base")
    assert vocabulary.rows["chatml"] == (Run(0, 68, (("chatml", 0),)), Run(68, 4, (("base", 68),)))


def test_new_tokens_take_rows_that_have_none_yet(tmp_path: Path, folders: dict[str, Path]) -> None:
    vocabulary = plan_vocabulary("union", "base", folders, ROWS | {"base": 72})
    assert vocabulary is not None
    assert vocabulary.size == 72
    assert saved(vocabulary, tmp_path / "out")["<|im_end|>"] == 65


def test_a_model_that_only_lends_its_tokenizer_is_not_rearranged(
    folders: dict[str, Path],
) -> None:
    vocabulary = plan_vocabulary("chatml", "base", folders, {"base": 64, "padded": 64})
    assert vocabulary is not None
    assert vocabulary.rows.keys() == {"base", "padded"}
    assert vocabulary.rows["base"][1] == Run(64, 2, ())


def test_a_model_without_a_tokenizer_shares_one_that_fits_its_rows(
    folders: dict[str, Path],
) -> None:
    (folders["padded"] / "tokenizer.json").unlink()
    rows = planned(folders, "union").rows["padded"]
    assert rows == (Run(0, 64, (("padded", 0),)), Run(64, 2, (("chatml", 64),)))


def test_a_model_without_a_tokenizer_that_fits_nobody_is_refused(
    folders: dict[str, Path],
) -> None:
    (folders["chatml"] / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="chatml has no tokenizer"):
        planned(folders, "union")


def test_special_ids_follow_the_source(folders: dict[str, Path]) -> None:
    (folders["chatml"] / "config.json").write_text('{"bos_token_id": 1, "eos_token_id": [2, 65]}')
    assert planned(folders, "union").special == {}
    assert planned(folders, "chatml").special == {"eos_token_id": [2, 65]}


def test_text_generation_stops_at_the_tokens_of_the_source(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (folders["chatml"] / "generation_config.json").write_text('{"eos_token_id": [2, 65]}')
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "generation_config.json").write_text('{"eos_token_id": 2, "top_k": 5}')
    planned(folders, "chatml").save(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert written == {"eos_token_id": [2, 65], "top_k": 5}


def test_a_special_token_without_a_row_is_named_no_more(tmp_path: Path) -> None:
    path = folder(tmp_path / "base", plain(["[PAD]"]), pad_token="[PAD]", eos_token="</s>")
    (path / "config.json").write_text('{"eos_token_id": 2, "pad_token_id": 64}')
    vocabulary = planned({"base": path}, "base")
    assert vocabulary.special == {"pad_token_id": None}
    assert "[PAD]" not in saved(vocabulary, tmp_path / "out")
    assert load(tmp_path / "out").eos_token == "</s>"


def test_a_token_the_model_lacks_is_no_source(folders: dict[str, Path]) -> None:
    tokens = {"<|im_end|>": {"source": "base"}}
    with pytest.raises(InputError, match=r"'<\|im_end\|>' is not in its vocabulary: base"):
        planned(folders, {"source": "union", "tokens": tokens})


def test_an_unused_token_is_no_source(folders: dict[str, Path]) -> None:
    tokens = {"<x>": {"source": {"kind": "model_token", "model": "padded", "token": UNUSED[0]}}}
    with pytest.raises(InputError, match="has no embedding: padded"):
        planned(folders, {"source": "union", "tokens": tokens})


def test_an_id_beyond_the_embedding_is_no_source(folders: dict[str, Path]) -> None:
    tokens = {"<x>": {"source": {"kind": "model_token", "model": "chatml", "token_id": 66}}}
    with pytest.raises(InputError, match="token_id 66 is beyond") as refused:
        planned(folders, {"source": "union", "tokens": tokens})
    assert refused.value.remedy == "Its rows are 0 to 65."


@pytest.mark.parametrize("wanted", [{"source": "other"}, {"tokens": {"<x>": {"source": "other"}}}])
def test_a_model_that_is_not_there_is_no_source(
    folders: dict[str, Path], wanted: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="other is not among the models"):
        planned(folders, wanted)


def test_an_added_token_of_one_model_is_one_of_the_union(tmp_path: Path) -> None:
    other = plain([])
    other["added_tokens"].append(entry("_tok_30", 30))
    folders = {"base": folder(tmp_path / "base", plain([]))}
    folders["chatml"] = folder(tmp_path / "chatml", other)
    vocabulary = planned(folders, "union")
    assert saved(vocabulary, tmp_path / "out")["_tok_30"] == 30
    assert load(tmp_path / "out")("_tok_30", add_special_tokens=False).input_ids == [30]
    assert vocabulary.unchanged("base")
