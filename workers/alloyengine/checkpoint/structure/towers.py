"""Which part of a model of several towers a tensor belongs to.

Towers part where the names of their stacks do: `language_model.model.layers` and
`vision_tower.encoder.layers` are of two, `model.layers` and `model.mtp.layers` of one. What stands
beside them with tensors of its own (`multi_modal_projector`) is a module too; a lone tensor
(`lm_head`, `shared`, `logit_scale`) belongs to the main tower.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alloyengine.checkpoint.structure.counts import Stack

DEFAULT = "default"


@dataclass(frozen=True)
class Towers:
    """`roots` is how the names of every module's tensors begin; the main one is `names[0]`."""

    roots: Mapping[str, str]
    names: tuple[str, ...]

    def of(self, tensor: str) -> str:
        for root, name in self.roots.items():
            if tensor.startswith(root):
                return name
        return self.names[0]


def find_towers(stacks: Sequence[Stack], tensors: Iterable[str]) -> Towers:
    parents = [stack.prefix.split(".")[:-1] for stack in stacks]
    depth = _common(parents)
    if len(parents) < 2 or any(len(parent) == depth for parent in parents):
        return Towers({}, (DEFAULT,))
    roots = [".".join(parent[: depth + 1]) for parent in parents]
    beside = _beside(".".join(parents[0][:depth]), tensors)
    named = {f"{root}.": _name(root) for root in dict.fromkeys([*roots, *beside])}
    return Towers(named, tuple(dict.fromkeys(named.values())))


def _common(paths: Sequence[Sequence[str]]) -> int:
    """How many parts all of them begin with."""
    depth = 0
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        depth += 1
    return depth


def _beside(common: str, tensors: Iterable[str]) -> list[str]:
    """Where modules with more than a weight and a bias begin; embeddings are the main tower's."""
    start = f"{common}." if common else ""
    found: dict[str, set[str]] = {}
    for name in tensors:
        if name.startswith(start):
            first, _, rest = name.removeprefix(start).partition(".")
            found.setdefault(start + first, set()).add(rest)
    modules = [root for root, rests in found.items() if rests - {"", "weight", "bias"}]
    return sorted(
        root for root in modules if not root.endswith(("embed", "embedding", "embeddings"))
    )


def _name(root: str) -> str:
    """The last part; a language model that is merely called `model` gets its name."""
    last = root.rpartition(".")[2]
    return "language_model" if last == "model" else last
