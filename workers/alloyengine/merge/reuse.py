"""Making a merge again after a small change: tensors that would come out the same are copied.

Beside the weights lies a manifest with a fingerprint of each tensor: of its method, its numbers and
the very bytes it is made from. A tensor of the same fingerprint is taken from the earlier result,
as long as nobody has touched that since.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from alloyengine.checkpoint import Checkpoint
from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError
from alloyengine.merge.declare import Settings
from alloyengine.merge.source import Adapted, Rearranged, Source, Stored
from alloyengine.merge.steps import Step

NAME = "merge_manifest.json"
_ARITHMETIC = 1  # to be raised whenever a method gives other numbers than before


@dataclass(frozen=True)
class Manifest:
    """What an earlier merge wrote: the fingerprint of each tensor, and the state of its files."""

    tensors: Mapping[str, str]
    files: Mapping[str, list[int]]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """None when there is none, or the weights are no longer those that were written."""
        try:
            found = read_json(folder / NAME)
            manifest = cls(dict(found["tensors"]), dict(found["files"]))
            untouched = all(_state(folder / name) == at for name, at in manifest.files.items())
        except (InputError, KeyError, TypeError, ValueError, OSError):
            return None
        return manifest if untouched and manifest.files else None

    @classmethod
    def write(cls, folder: Path, steps: Sequence[Step]) -> None:
        prints = Fingerprints()
        known = {step.tensor: found for step in steps if (found := prints.of(step))}
        files = {path.name: _state(path) for path in sorted(folder.glob("*.safetensors"))}
        content = {"tensors": known, "files": files}
        (folder / NAME).write_text(json.dumps(content, indent=1) + "\n")


@contextmanager
def reusing(steps: Sequence[Step], before: Path | None) -> Iterator[list[Step]]:
    """The steps, with those that would change nothing as copies from the folder `before`."""
    manifest = Manifest.read(before) if before else None
    if before is None or manifest is None:
        yield list(steps)
        return
    prints = Fingerprints()
    with Checkpoint.open(before) as model:
        known = {
            step.tensor
            for step in steps
            if manifest.tensors.get(step.tensor, "") == prints.of(step)
        }
        yield [_copy(step, model) if step.tensor in known else step for step in steps]


def _copy(step: Step, model: Checkpoint) -> Step:
    return replace(step, method=None, sources=(Stored(model, step.tensor, step.columns),))


class Fingerprints:
    """Tells tensors of a result apart by all that they are made from."""

    def __init__(self) -> None:
        self._manifests: dict[Path, Manifest | None] = {}
        self._files: dict[Path, list[str | int]] = {}

    def of(self, step: Step) -> str | None:
        """None for a tensor that can't be told, such as one that is read by URL."""
        sources = [self._source(source) for source in step.sources]
        if None in sources:
            return None
        method = step.method.name if step.method else "copy"
        made = [step.shape, step.dtype, method, _numbers(step.settings), sources, _ARITHMETIC]
        return blake2b(json.dumps(made).encode(), digest_size=16).hexdigest()

    def _source(self, source: Source) -> Any:
        match source:
            case Stored():
                return self._stored(source.model, source.tensor)
            case Adapted():
                weight, files = self._source(source.weight), sorted(source.adapter.path.iterdir())
                return weight and [weight, [(path.name, _state(path)) for path in files]]
            case Rearranged():
                inner = {model: self._source(of) for model, of in source.embeddings.items()}
                return None if None in inner.values() else [inner, list(map(asdict, source.runs))]
        return None

    def _stored(self, model: Checkpoint, tensor: str) -> Any:
        """An earlier merge vouches for its own tensors, wherever and whenever it was made."""
        place = model.place(tensor)
        file = model.path / place.shard
        if not file.is_file():
            return None
        if model.path not in self._manifests:
            self._manifests[model.path] = Manifest.read(model.path)
        manifest = self._manifests[model.path]
        if manifest and tensor in manifest.tensors:
            return manifest.tensors[tensor]
        return [*self._file(file), place.offset]

    def _file(self, path: Path) -> list[str | int]:
        if path not in self._files:
            self._files[path] = [str(path.resolve()), *_state(path)]
        return self._files[path]


def _numbers(settings: Settings) -> list[Any]:
    own = [sorted(values.items()) for values in settings.own]
    return [sorted(settings.shared.items()), own, settings.key]


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
