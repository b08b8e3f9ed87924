"""Merging: from a recipe to a plan to tensors."""

import os

# Tensors are spread over the cores already. OpenBLAS reads this when numpy is first imported; its
# own threads would spin for work that the others do, and sums would depend on their number.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
