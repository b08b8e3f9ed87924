"""One run on many GPUs: the processes that share it, and the weights that each holds a part of.

meeting.py  where its processes find each other
world.py    who takes part, and what they tell each other
shard.py    the model's weights in parts (FSDP), and whole again
launch.py   a machine's processes, started and ended together

Nothing here imports `torch.distributed` before there is more than one process.
"""

from alloyengine.train.parallel.meeting import gathered, speaks_first
from alloyengine.train.parallel.shard import filled, shard, whole
from alloyengine.train.parallel.world import (
    ALONE,
    World,
    check_machine,
    check_world,
    joined,
    leave,
)

__all__ = [
    "ALONE",
    "World",
    "check_machine",
    "check_world",
    "filled",
    "gathered",
    "joined",
    "leave",
    "shard",
    "speaks_first",
    "whole",
]
