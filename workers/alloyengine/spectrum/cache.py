"""Scans made before, kept by the hash of the weights: a base is scanned once, whoever trains on it."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import TypeAdapter, ValidationError

from alloyengine.checkpoint.digest import weights_digest
from alloyengine.report import Reporter
from alloyengine.spectrum.scan import Scan, scan
from alloyengine.spectrum.score import Method

_VERSION = 1  # of the arithmetic: what an older one found is not used
_SCAN = TypeAdapter(Scan)


def scan_once(
    path: Path,
    report: Reporter,
    method: Method = "spectrum",
    percents: Sequence[float] = (),
    device: str = "auto",
) -> Scan:
    """As `scan`, from what was kept if there is any."""
    digest = weights_digest(path)
    place = folder() / f"{digest[:32]}-{method}-{_VERSION}.json"
    known = _read(place)
    if known and set(percents) <= set(known.settled):
        report.log("The model was scanned before.")
        return known
    found = scan(path, report, method, percents, device, known)
    _write(place, found)
    return found


def folder() -> Path:
    """$XDG_CACHE_HOME/alloyworks/snr, or the same in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alloyworks/snr"


def _read(place: Path) -> Scan | None:
    try:
        return _SCAN.validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(place: Path, found: Scan) -> None:
    """Where nothing can be kept, nothing is."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=place.parent, delete=False) as draft:
            json.dump(asdict(found), draft)
        os.replace(draft.name, place)
