"""Merging: recipe → plan → tensors."""
