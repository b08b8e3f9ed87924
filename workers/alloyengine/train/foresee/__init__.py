"""What a training run will take, told before it begins: time, memory, and what would fit."""

from alloyengine.train.foresee.estimate import Estimate
from alloyengine.train.foresee.fit import check_room
from alloyengine.train.foresee.foresee import foresee, foresee_spec
from alloyengine.train.foresee.hardware import Room, free_memory
from alloyengine.train.foresee.sizes import sizes_of

__all__ = ["Estimate", "Room", "check_room", "foresee", "foresee_spec", "free_memory", "sizes_of"]
