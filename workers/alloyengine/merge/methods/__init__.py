"""Every merge method, by the name recipes use. A file for each, or for a family."""

from alloyengine.merge.declare import Method
from alloyengine.merge.methods import linear, passthrough, slerp, task_arithmetic
from alloyengine.spec.methods import MergeMethod

_MODULES = (linear, passthrough, slerp, task_arithmetic)
METHODS: dict[MergeMethod, Method] = {module.METHOD.name: module.METHOD for module in _MODULES}
