"""Model folders: read lazily and with suspicion, written tensor by tensor and atomically."""

from alloyengine.checkpoint.companions import copy_companions
from alloyengine.checkpoint.facts import facts, facts_of
from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.reader import Checkpoint, Input
from alloyengine.checkpoint.sink import NewFolder, Output, check_new
from alloyengine.checkpoint.writer import Writer, write

__all__ = [
    "Checkpoint",
    "Input",
    "NewFolder",
    "Output",
    "TensorInfo",
    "Writer",
    "check_new",
    "copy_companions",
    "facts",
    "facts_of",
    "write",
]
