"""Which modules of a model carry signal: scan, selection, and what trainers read of it."""
