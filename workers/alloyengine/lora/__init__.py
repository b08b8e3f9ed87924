"""LoRA adapters made from what a model and its base differ in."""
