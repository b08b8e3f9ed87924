"""Counts tokens in a process of its own: `python -m alloyworks.catalog.tokencount FOLDER`.

Reads tokenizer.json and sample.jsonl of the folder; prints {length: examples} as JSON. Imports
neither Django nor settings: a hostile tokenizer finds no secrets here, and little to break.
"""

import json
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from alloyworks.catalog.ingest.stats import texts

TOKENIZER, SAMPLE = "tokenizer.json", "sample.jsonl"
REFUSED = 3  # exit code; the reason is on stdout
_MEMORY = 4 * 1024**3
_SECONDS = 60
_BATCH = 256


def main(folder: Path) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        with (folder / SAMPLE).open(encoding="utf-8") as lines:
            counted = json.dumps(count(tokenizer, lines))
    except Exception as error:  # noqa: BLE001  # the library raises plain Exception
        sys.stdout.write(str(error))
        return REFUSED
    sys.stdout.write(counted)
    return 0


def count(tokenizer: Tokenizer, lines: Iterable[str]) -> Counter[int]:
    """Examples by their number of tokens, over all their texts."""
    lengths = Counter[int]()
    left = iter(lines)
    while batch := [list(texts(json.loads(line))) for line in islice(left, _BATCH)]:
        lengths.update(_lengths(tokenizer, batch))
    return lengths


def _lengths(tokenizer: Tokenizer, batch: list[list[str]]) -> Iterator[int]:
    flat = [text for example in batch for text in example]
    encoded = iter(tokenizer.encode_batch_fast(flat, add_special_tokens=False))
    for example in batch:
        yield sum(len(encoding) for encoding in islice(encoded, len(example)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
