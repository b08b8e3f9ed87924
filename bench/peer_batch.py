"""Many merges in one process of the peer, whose start takes longer than a small merge.

    PEER/python bench/peer_batch.py ORDERS

ORDERS is a JSON list of {"recipe": text, "out": folder, "seed": number}. Prints a JSON list: what
went wrong with each, or null. Runs in the peer's environment and imports nothing of ours.
"""

import json
import logging
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def merge(order: dict[str, Any], adapters: str) -> str | None:
    import yaml
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    options = MergeOptions(lora_merge_cache=adapters, quiet=True, random_seed=order["seed"])
    try:
        config = MergeConfiguration.model_validate(yaml.safe_load(order["recipe"]))
        run_merge(config, order["out"], options=options)
    except Exception as error:  # noqa: BLE001  # whatever the peer raises is its answer
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    orders = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as adapters, redirect_stdout(sys.stderr):
        answers = [merge(order, adapters) for order in orders]
    print(json.dumps(answers))
