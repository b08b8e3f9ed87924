"""Every merge method, by the name recipes use. A file for each, or for a family."""

from alloyengine.merge.declare import Method
from alloyengine.merge.methods import (
    arcee_fusion,
    karcher,
    linear,
    model_stock,
    multislerp,
    nearswap,
    nuslerp,
    passthrough,
    ram,
    sce,
    slerp,
    task_arithmetic,
    task_vectors,
)
from alloyengine.spec.methods import MergeMethod

_ALONE = (
    arcee_fusion,
    karcher,
    linear,
    model_stock,
    multislerp,
    nearswap,
    nuslerp,
    passthrough,
    sce,
    slerp,
    task_arithmetic,
)
_ALL = (*(module.METHOD for module in _ALONE), *ram.METHODS, *task_vectors.METHODS)
METHODS: dict[MergeMethod, Method] = {method.name: method for method in _ALL}
