"""Merges a list of recipes by both sides, and reads what they made."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tokenizers import Tokenizer

from alloyengine.errors import EngineError
from alloyengine.merge.recipe import parse_stages
from alloyengine.merge.run import run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec
from bench import peer
from bench.tensors import Float32, read

Recipe = Mapping[str, Any]
VOCABULARY_ROWS = ("embed_tokens.weight", "lm_head.weight")


@dataclass(frozen=True)
class Answer:
    """A merged model, or the words with which the recipe was refused."""

    folder: Path
    refused: str | None = None

    def tensors(self) -> dict[str, Float32]:
        if self.refused:
            raise RuntimeError(self.refused)
        return read(self.folder)

    def vocabulary(self) -> dict[str, int]:
        found: dict[str, int] = Tokenizer.from_file(str(self.folder / "tokenizer.json")).get_vocab()
        return found


def with_paths(recipe: Any, models: Mapping[str, Path]) -> Any:
    """The recipe with folders in place of the models' short names."""
    match recipe:
        case str() as text:
            parts = text.split("+")
            known = all(part in models for part in parts)
            return "+".join(str(models[part]) for part in parts) if known else text
        case dict() as mapping:
            return {key: with_paths(value, models) for key, value in mapping.items()}
        case list() as items:
            return [with_paths(item, models) for item in items]
    return recipe


def ours(recipe: Recipe, models: Mapping[str, Path], out: Path, seed: int = 0) -> Answer:
    try:
        stages, final = parse_stages(yaml.safe_dump(with_paths(recipe, models)))
        spec = MergeSpec(recipe=final.model_copy(update={"seed": seed}), stages=stages)
        inputs = {ref.reference: Path(ref.reference) for ref in spec.inputs()}
        run(spec, inputs, out, Silent())
    except EngineError as error:
        return Answer(out, f"{error.code}: {error.message}")
    return Answer(out)


def theirs(
    recipes: Sequence[Recipe], models: Mapping[str, Path], folder: Path, seeds: Sequence[int] = ()
) -> list[Answer]:
    """All of them in one process, whose start takes several seconds."""
    folder.mkdir(parents=True)
    orders: list[dict[str, Any]] = [
        {
            "recipe": yaml.safe_dump(with_paths(recipe, models)),
            "out": str(folder / str(number)),
            "seed": seeds[number] if seeds else 0,
        }
        for number, recipe in enumerate(recipes)
    ]
    (folder / "orders.json").write_text(json.dumps(orders))
    command = [peer.install() / "python", Path(__file__).with_name("peer_batch.py")]
    done = subprocess.run(
        [*command, folder / "orders.json"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"The peer failed:\n{done.stderr[-4000:]}")
    words = json.loads(done.stdout)
    return [Answer(Path(o["out"]), word) for o, word in zip(orders, words, strict=True)]


def wanted(row: str, only: Sequence[str]) -> bool:
    """Whether a row is asked for: all are, or those whose names contain one of the words."""
    return not only or any(word in row for word in only)


def error(ours: Answer, theirs: Answer) -> tuple[float, str]:
    """The largest relative error of a tensor by norm, and that tensor. Rows of the vocabulary are
    compared token by token, for the order of the tokens is free."""
    mine, other = ours.tensors(), theirs.tensors()
    if mine.keys() != other.keys():
        return float("inf"), f"only one has {min(mine.keys() ^ other.keys())}"
    ids, other_ids = ours.vocabulary(), theirs.vocabulary()
    if ids != other_ids:
        if ids.keys() != other_ids.keys():
            return float("inf"), "the vocabulary"
        for name in [name for name in mine if name.endswith(VOCABULARY_ROWS)]:
            mine[name] = mine[name][[ids[token] for token in sorted(ids)]]
            other[name] = other[name][[other_ids[token] for token in sorted(ids)]]
    return max((relative(mine[name], other[name]), name) for name in mine)


def relative(mine: Float32, other: Float32) -> float:
    """‖mine − other‖ / ‖other‖; infinite when the shapes differ or one is no number."""
    if mine.shape != other.shape:
        return float("inf")
    a, b = mine.astype(np.float64), other.astype(np.float64)
    size = float(np.linalg.norm(b))
    found = float(np.linalg.norm(a - b)) / (size or 1.0)
    return found if np.isfinite(found) else float("inf")
