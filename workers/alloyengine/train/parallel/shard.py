"""Weights in parts (FSDP: Zhao et al., arXiv 2304.11277). Each process keeps a share of every weight, of
its gradient and of its optimiser state; a layer is whole only while it is worked on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from alloyengine.train.parallel.world import World


def shard(model: nn.Module, world: World) -> None:
    """In place, with whatever has gradients: parameters keep their names and types, and become
    DTensors on the GPU if there is one.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    kind = "cuda" if torch.cuda.is_available() else "cpu"
    mesh = init_device_mesh(kind, (world.size,))
    for layer in _layers(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


def is_sharded(model: object) -> bool:
    """Then it must be called as a whole: its weights come together on the way through."""
    return hasattr(model, "set_requires_gradient_sync")


def whole(weights: Mapping[str, Tensor], world: World) -> dict[str, Tensor]:
    """On the host of the first process, complete; nothing for the others, who must ask too."""
    found = {}
    for name, weight in weights.items():
        tensor = full(weight.detach())
        if world.leads:
            found[name] = tensor.to("cpu", copy=False).contiguous()
    return found


def full(tensor: Tensor) -> Tensor:
    """Complete, in every process."""
    gather = getattr(tensor, "full_tensor", None)
    found: Tensor = gather() if gather else tensor
    return found


def filled(like: Tensor, complete: Tensor | None) -> Tensor:
    """`complete` as `like` is kept: if that is sharded, each process gets its part from the first, which
    alone must have it, and all must ask.
    """
    if hasattr(like, "full_tensor"):
        return _scattered(like, complete)
    if complete is None:
        raise RuntimeError("a weight that is not sharded must be complete")
    return complete.to(like.device)


def _scattered(like: Any, complete: Tensor | None) -> Tensor:
    from torch.distributed.tensor import DTensor, distribute_tensor

    if complete is None:
        complete = torch.empty(like.shape, dtype=like.dtype)
    here = complete.to(like.device, like.dtype)
    found: DTensor = distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=0)
    return found


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Of the model's own lists: those of its decoder, whatever it is called."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield from _layers(child)
