"""Model folders: read lazily and with suspicion, written tensor by tensor and atomically."""

from alloyengine.checkpoint.companions import copy_companions
from alloyengine.checkpoint.facts import facts
from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.reader import Checkpoint
from alloyengine.checkpoint.writer import Writer, write

__all__ = ["Checkpoint", "TensorInfo", "Writer", "copy_companions", "facts", "write"]
