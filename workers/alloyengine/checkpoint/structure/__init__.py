"""What a model is made of, read from its config and the names and shapes of its tensors.

There is no table of architectures. A stack of layers is a numbered list in the names, which the
config counts; the vocabulary is what has a row for every token; towers part where the names do.
"""

from alloyengine.checkpoint.structure.counts import Stack
from alloyengine.checkpoint.structure.explain import Mismatch, explain
from alloyengine.checkpoint.structure.model import Structure
from alloyengine.checkpoint.structure.rebuild import with_layers, with_vocabulary
from alloyengine.checkpoint.structure.stacks import Place

__all__ = [
    "Mismatch",
    "Place",
    "Stack",
    "Structure",
    "explain",
    "with_layers",
    "with_vocabulary",
]
