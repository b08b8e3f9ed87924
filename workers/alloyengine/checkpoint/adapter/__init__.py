"""LoRA adapters as PEFT saves them: what they add to the weights of a model."""

from alloyengine.checkpoint.adapter.adapter import Adapter

__all__ = ["Adapter"]
