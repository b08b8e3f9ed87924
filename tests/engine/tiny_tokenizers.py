"""Folders with real tokenizers in them, small enough to be written out, for tests of merging."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

SPECIAL = ["<unk>", "<s>", "</s>"]
TEXTS = ["the cat sat on the mat", "a model of a merge of models", "the merged model sat there"]
MORE = ["schnelle Katzen schlafen", "die schnelle Katze schläft", "schlafende Katzen"]


def plain(added: list[str], size: int = 64) -> dict[str, Any]:
    """`size` tokens that no text can be split into, and added ones behind them."""
    tokens = SPECIAL + [f"_tok_{i}" for i in range(3, size)]
    vocab = {token: i for i, token in enumerate(tokens)}
    entries = [entry(token, i, special=True) for i, token in enumerate(SPECIAL)]
    entries += [entry(token, size + i) for i, token in enumerate(added)]
    return document({"type": "BPE", "vocab": vocab, "merges": []}, entries)


def entry(token: str, number: int, special: bool = False) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": token, **flags, "special": special}


def document(model: dict[str, Any], added: list[dict[str, Any]]) -> dict[str, Any]:
    parts = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
    return {"version": "1.0", **dict.fromkeys(parts), "added_tokens": added, "model": model}


def folder(path: Path, written: dict[str, Any] | Tokenizer, **config: Any) -> Path:
    """A model's folder with its small files; its weights are not looked at."""
    path.mkdir(parents=True)
    text = json.dumps(written) if isinstance(written, dict) else written.to_str()
    (path / "tokenizer.json").write_text(text)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"} | config
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    ids = {"bos_token_id": 1, "eos_token_id": 2}
    (path / "config.json").write_text(json.dumps({"model_type": "llama"} | ids))
    return path


def byte_pairs(texts: list[str], size: int, special: list[str] = SPECIAL) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def word_pieces(texts: list[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def unigrams(texts: list[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(path: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(path, local_files_only=True)
