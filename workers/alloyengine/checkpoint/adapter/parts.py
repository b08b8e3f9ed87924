"""What an adapter's file holds, its shapes checked: factors of modules, and whole tensors."""

from collections.abc import Mapping
from dataclasses import dataclass

from alloyengine.checkpoint.adapter.config import Config
from alloyengine.checkpoint.adapter.names import Names, damaged
from alloyengine.checkpoint.dtypes import DTYPES, FLOATS
from alloyengine.checkpoint.header import TensorInfo

Infos = Mapping[str, TensorInfo]  # by names in the file


@dataclass(frozen=True)
class Factors:
    """B·A of one module: A is [rank, inputs], B [outputs, rank]; an embedding's inputs are tokens."""

    a: str  # names in the file
    b: str
    magnitude: str | None  # DoRA's (arXiv 2402.09353)
    inputs: int
    outputs: int
    scale: float
    embeds: bool


@dataclass(frozen=True)
class Saved:
    """A tensor that was trained in full."""

    key: str  # name in the file
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Parts:
    """By the names of the model that the adapter was trained on."""

    factors: Mapping[str, Factors]  # by module
    saved: Mapping[str, Saved]

    @classmethod
    def of(cls, infos: Infos, config: Config) -> "Parts":
        """InputError when factors are missing, or don't fit each other or the config."""
        for key, info in infos.items():
            if info.dtype not in FLOATS:
                raise damaged(f"{key!r} is of the type {DTYPES[info.dtype][0]}")
        names = Names.of(infos)
        if not infos:
            raise damaged("it holds nothing")
        return cls(
            {module: _factors(module, of, infos, config) for module, of in names.factors.items()},
            {name: Saved(key, infos[key].shape) for name, key in names.saved.items()},
        )


def _factors(module: str, parts: Mapping[str, str], infos: Infos, config: Config) -> Factors:
    embeds = "lora_embedding_A" in parts or "lora_embedding_B" in parts
    pair = ("lora_embedding_A", "lora_embedding_B") if embeds else ("lora_A", "lora_B")
    if parts.keys() - {"lora_magnitude_vector"} != set(pair):
        raise damaged(f"{module!r} has {', '.join(sorted(parts))}, but not exactly an A and a B")
    a, b = (parts[name] for name in pair)
    rank, inputs = _matrix(a, infos)
    outputs, also_rank = _matrix(b, infos)
    if not rank == also_rank == config.rank_of(module):
        raise damaged(
            f"the rank of {module!r} is {rank} in A, {also_rank} in B and "
            f"{config.rank_of(module):g} by its config"
        )
    magnitude = parts.get("lora_magnitude_vector")
    if magnitude and infos[magnitude].shape != (outputs,):
        raise damaged(f"{magnitude!r} does not have {outputs} numbers")
    return Factors(a, b, magnitude, inputs, outputs, config.scale_of(module), embeds)


def _matrix(key: str, infos: Infos) -> tuple[int, int]:
    match infos[key].shape:
        case (rows, columns):
            return rows, columns
    raise damaged(f"{key!r} is no matrix: only linear layers and embeddings can be merged")
