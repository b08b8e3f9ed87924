"""What the catalogue shows of a model, and what tells whether it fits others: from config, headers
and small files alone.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.dtypes import DTYPES
from alloyengine.checkpoint.files import Folder
from alloyengine.checkpoint.header import TensorInfo, read_header
from alloyengine.checkpoint.licence import licence_of
from alloyengine.checkpoint.reader import Checkpoint
from alloyengine.checkpoint.safety import check_folder
from alloyengine.checkpoint.structure import Structure
from alloyengine.checkpoint.tokens import Tokens, tokens_of
from alloyengine.spec.result import AdapterFacts, ModelFacts, Rope

Config = Mapping[str, Any]
Tensors = Mapping[str, TensorInfo]

_INNER = ("text_config", "language_config", "llm_config", "decoder")
_LONGEST_TEXT = 200


def facts(path: Path) -> ModelFacts:
    """Checks the whole folder on the way; reads no tensor. InputError when it can't be used."""
    with Checkpoint.open(path) as model:
        return facts_of(model.config, model.tensors, path)


def facts_of(config: dict[str, Any], tensors: Tensors, folder: Path | None = None) -> ModelFacts:
    """`folder`, if given, holds the tokenizer, the chat template and what tells the licence.

    Strange entries of these and of the config are as good as missing: facts are no checks.
    """
    structure = Structure.of(config, tensors)
    sizes = Counter[str]()
    for info in tensors.values():
        sizes[info.dtype] += info.nbytes
    vocabulary = structure.vocabulary()
    embedding = structure.embedding
    tokens = tokens_of(folder, config) if folder else Tokens()
    return ModelFacts(
        architecture=_architecture(config),
        parameters=sum(info.numel for info in tensors.values()),
        dtype=DTYPES[max(sizes, key=sizes.__getitem__)][0] if sizes else "float32",
        vocabulary=_count(config, "vocab_size"),
        context=_count(config, "max_position_embeddings", "n_positions", "max_seq_len"),
        **_sizes(config),
        model_type=_text(config.get("model_type")),
        rope=_rope(config),
        tied_embeddings=structure.tied if embedding else None,
        embedding_rows=tensors[embedding].shape[0] if embedding else None,
        embedding_parameters=sum(tensors[name].numel for name in vocabulary),
        tokenizer=tokens.vocabulary,
        special_tokens=tokens.special,
        chat_template=tokens.chat_template,
        licence=licence_of(folder) if folder else None,
        shapes=_shapes(structure, vocabulary),
        dtypes=_shares(tensors),
        quantised=bool(config.get("quantization_config")),
    )


def adapter_facts(path: Path) -> ModelFacts:
    """Of a folder that holds a LoRA adapter. InputError when it can't be merged."""
    from alloyengine.checkpoint.adapter.adapter import WEIGHTS
    from alloyengine.checkpoint.adapter.config import Config as AdapterConfig

    check_folder(path)
    config = AdapterConfig.read(path)
    with closing(Folder(path)) as files:
        tensors = {name: place.info for name, place in read_header(files, WEIGHTS).items()}
    inputs = Counter(
        info.shape[-1] for name, info in tensors.items() if "lora_A" in name and info.shape
    )
    found = facts_of({"architectures": ["LoRA"]}, tensors, path)
    return found.model_copy(
        update={
            "adapter": AdapterFacts(rank=config.rank, base=config.base[:_LONGEST_TEXT]),
            "hidden_size": max(inputs, key=inputs.__getitem__, default=None),
            "layers": _layers(tensors),
            "shapes": None,
            "tied_embeddings": None,
        }
    )


def _layers(tensors: Tensors) -> int | None:
    """One more than the highest number in a name."""
    numbers = [int(part) for name in tensors for part in name.split(".") if part.isdecimal()]
    return max(numbers) + 1 if numbers else None


def _sizes(config: Config) -> dict[str, int | None]:
    heads = _count(config, "num_attention_heads", "n_head")
    hidden = _count(config, "hidden_size", "n_embd", "d_model")
    divided = hidden // heads if hidden and heads else None
    return {
        "layers": _count(config, "num_hidden_layers", "n_layer"),
        "hidden_size": hidden,
        "intermediate_size": _count(config, "intermediate_size", "n_inner", "ffn_dim"),
        "attention_heads": heads,
        "key_value_heads": _count(config, "num_key_value_heads") or heads,
        "head_dim": _count(config, "head_dim") or divided,
    }


def _architecture(config: Config) -> str:
    match config.get("architectures"):
        case [str(first), *_]:
            return first[:_LONGEST_TEXT]
    return _text(config.get("model_type")) or "unknown"


def _count(config: Config, *names: str) -> int | None:
    """From the config, or from its part about the language model."""
    inner = [config[name] for name in _INNER if isinstance(config.get(name), dict)]
    values = (scope.get(name) for scope in (config, *inner) for name in names)
    return next((value for value in values if type(value) is int and 0 <= value < 2**53), None)


def _rope(config: Config) -> Rope | None:
    """As transformers writes it today (`rope_parameters`) or wrote it before."""
    given = config.get("rope_parameters")
    given = given if isinstance(given, dict) else {}
    older = config.get("rope_scaling")
    scaling = {**(older if isinstance(older, dict) else {}), **given}
    theta = _number(given.get("rope_theta", config.get("rope_theta")))
    kind = _text(scaling.get("rope_type", scaling.get("type")))
    if theta is None and kind is None:
        return None
    return Rope(theta=theta, scaling=_scaling(kind, scaling))


def _scaling(kind: str | None, scaling: Config) -> str | None:
    if kind in (None, "default"):
        return None
    factor = _number(scaling.get("factor"))
    return kind if factor is None else f"{kind}, factor {factor:g}"


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and abs(value) < 1e300 else None


def _text(value: Any) -> str | None:
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value else None


def _shapes(structure: Structure, vocabulary: tuple[str, ...]) -> str:
    """Of what every model of this kind and size has; vocabularies may differ, and be made one."""
    digest = sha256()
    for name in sorted(structure.tensors.keys() - set(vocabulary)):
        if not structure.is_spare(name):
            digest.update(f"{name} {list(structure.tensors[name].shape)}\n".encode())
    return digest.hexdigest()


def _shares(tensors: Tensors) -> dict[str, float]:
    counts = Counter[str]()
    for info in tensors.values():
        counts[DTYPES[info.dtype][0]] += info.numel
    total = sum(counts.values())
    return {name: round(count / total, 4) for name, count in counts.most_common() if total}
