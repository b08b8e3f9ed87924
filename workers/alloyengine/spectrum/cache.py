"""Scans made before, kept by the hash of the weights: a base is scanned once, whoever trains on it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from alloyengine import cache
from alloyengine.checkpoint.digest import weights_digest
from alloyengine.report import Reporter
from alloyengine.spectrum.scan import Scan, scan
from alloyengine.spectrum.score import Method

_VERSION = 2  # of the arithmetic: what an older one found is not used
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
    place = cache.folder("snr") / f"{digest[:32]}-{method}-{_VERSION}.json"
    known = _read(place)
    if known and set(percents) <= set(known.settled):
        report.log("The model was scanned before.")
        return known
    found = scan(path, report, method, percents, device, known)
    cache.keep(place, json.dumps(asdict(found)))
    return found


def _read(place: Path) -> Scan | None:
    try:
        return _SCAN.validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None
