"""Every merge method, by the name recipes use. A file a method."""

from alloyengine.merge.methods import linear, slerp, task_arithmetic

METHODS = {method.name: method for method in (linear.METHOD, slerp.METHOD, task_arithmetic.METHOD)}
