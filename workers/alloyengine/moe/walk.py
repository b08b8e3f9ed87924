"""A dense model's own code, passed through layer by layer: the weights of one layer are read when its turn
comes, and forgotten after it. Memory does not grow with the depth of a model, nor with its vocabulary.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from alloyengine.errors import InputError
from alloyengine.merge.backend import backend
from alloyengine.merge.members import Member
from alloyengine.moe.prompts import Batch

Read = Callable[[str], Tensor]
"""A weight by its name in the file, float32."""


class Walk:
    """Made of a folder's config alone. Activations are float32, on the CPU."""

    def __init__(self, folder: Path, prefix: str, read: Read) -> None:
        """`prefix`: of the stack of layers in the file's names."""
        self._inner = _skeleton(folder)
        self._layers = list(self._inner.layers)
        self._prefix, self._read = prefix, read

    def replace_mlps(
        self, name: str, made: Callable[[int, torch.nn.Module], torch.nn.Module]
    ) -> None:
        """Puts something else in the place of every layer's module of that name."""
        for number, layer in enumerate(self._layers):
            setattr(layer, name, made(number, getattr(layer, name)))

    def go(self, batch: Batch, embedding: "Rows", look: Callable[[int, Tensor], None]) -> None:
        """`look` is shown each layer's input, [sequences, places, width], padded at the end: what
        comes later in a sequence does not change what was before.
        """
        for number, layer in enumerate(self._layers):
            self._inner.layers[number] = _Layer(layer, number, self._weights, look)
        self._inner.layers[-1].is_last = True
        with torch.inference_mode():
            try:
                self._inner(inputs_embeds=embedding.of(batch), use_cache=False)
            except _ThroughError:
                return
        raise InputError("model_kind", "The model does not pass through its layers in order.")

    def _weights(self, number: int, layer: torch.nn.Module) -> dict[str, Tensor]:
        names = (name for name, _ in layer.named_parameters())
        return {name: self._read(f"{self._prefix}.{number}.{name}") for name in names}


class Rows:
    """An embedding of which only the rows that are asked for are read."""

    def __init__(self, read: Callable[[int], np.ndarray], width: int) -> None:
        """`read`: one row, float32 [width]."""
        self._read, self._width, self._known = read, width, dict[int, Tensor]()

    def of(self, batch: Batch) -> Tensor:
        """[sequences, places, width]; zeros behind the end of a sequence."""
        found = torch.zeros(len(batch.sequences), batch.width, self._width)
        for number, ids in enumerate(batch.sequences):
            found[number, : len(ids)] = torch.stack([self._row(token) for token in ids])
        return found

    def total(self, sequences: Sequence[Sequence[int]]) -> Tensor:
        """The sum of the rows of all tokens, [width]."""
        rows = [self._row(token) for ids in sequences for token in ids]
        return torch.stack(rows).sum(dim=0)

    def _row(self, token: int) -> Tensor:
        if token not in self._known:
            self._known[token] = torch.from_numpy(self._read(token))
        return self._known[token]


def embedding_of(base: Member) -> Rows:
    """InputError when it has none, or a token is asked for that has no row."""
    if (name := base.structure.embedding) is None:
        raise InputError("tensor_missing", f"{base.reference} has no embedding of tokens.")
    count, width = base.tensors[name].shape
    source, here = base.source(name, width), backend("cpu")

    def read(token: int) -> np.ndarray:
        if token >= count:
            raise InputError(
                "tokenizer_token",
                f"The tokenizer of {base.reference} gives token {token}, but its embedding ends "
                f"at {count - 1}.",
                "Use the tokenizer that belongs to the model.",
            )
        row: np.ndarray = source.open(token, token + 1, here)(token, token + 1)
        return row.reshape(width)

    return Rows(read, width)


def reader_of(base: Member) -> Read:
    """Whole weights, an adapter's change included."""
    here = backend("cpu")

    def read(name: str) -> Tensor:
        shape = base.model.info(name).shape
        columns = shape[-1]
        rows = math.prod(shape) // columns
        wide = base.source(name, columns).open(0, rows, here)(0, rows)
        return torch.from_numpy(wide).view(shape)

    return read


class _ThroughError(Exception):
    """The last layer was passed: what would come after it is not wanted."""


class _Layer(torch.nn.Module):
    """Stands in for a layer, whose weights nobody else sees."""

    is_last = False

    def __init__(
        self,
        layer: torch.nn.Module,
        number: int,
        weights: Callable[[int, torch.nn.Module], Mapping[str, Tensor]],
        look: Callable[[int, Tensor], None],
    ) -> None:
        super().__init__()
        self._hidden = (layer,)  # in a tuple: else torch would take it for a module of this one
        self._number, self._weights, self._look = number, weights, look

    def __getattr__(self, name: str) -> Any:
        """Models ask their layers what kind of attention they have."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_hidden"][0], name)

    def forward(self, states: Tensor, *args: Any, **kwargs: Any) -> Any:
        (layer,) = self._hidden
        self._look(self._number, states)
        weights = dict(self._weights(self._number, layer))
        found = functional_call(layer, weights, (states, *args), kwargs)
        if self.is_last:
            raise _ThroughError
        return found


def _skeleton(folder: Path) -> Any:
    """The model without its head, and without numbers but those that it computes for itself."""
    from accelerate import init_empty_weights
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        with init_empty_weights(include_buffers=False):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0].replace(str(folder), folder.name)
        raise InputError("model_unloadable", f"The base can't be loaded: {reason}") from None
    return model.base_model.eval()
