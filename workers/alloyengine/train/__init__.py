"""Fine-tuning of one model on one dataset."""
