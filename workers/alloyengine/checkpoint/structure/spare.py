"""What a file may hold or leave out without being another model."""

import re

from alloyengine.checkpoint.structure.counts import Config, candidates

_BUFFER = re.compile(
    r"(?:^|\.)(?:inv_freq|original_inv_freq|masked_bias|position_ids|token_type_ids)$"
)
_MASK = re.compile(r"(?:^|\.)(?:attn|attention)(?:\.attention)?\.bias$")


def is_buffer(name: str, shape: tuple[int, ...]) -> bool:
    """Something old files hold that models compute for themselves: causal masks, rotations."""
    return bool(_BUFFER.search(name)) or (len(shape) == 4 and bool(_MASK.search(name)))


def is_tied(config: Config, main: str) -> bool:
    """Does the config, or its part about the main stack, say that embedding and head are one?"""
    said = [config, *(scope.entries for scope in candidates(config, main))]
    values = (
        entries["tie_word_embeddings"] for entries in said if "tie_word_embeddings" in entries
    )
    return next(values, False) is True
