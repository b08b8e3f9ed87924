"""Where the models of a recipe or a command lie: on this disk, or on the hub."""

import re
from pathlib import Path

from alloyengine import cache
from alloyengine.errors import InputError
from alloyengine.report import Reporter

_HUB = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


def locate(reference: str, beside: Path, report: Reporter) -> Path:
    """The folder of a model: a path beside the recipe or from here, else downloaded once."""
    for folder in (beside / reference, Path(reference).expanduser()):
        if folder.is_dir():
            return folder
    found = _HUB.fullmatch(reference)
    if found is None or reference.startswith("."):
        raise InputError(
            "model_missing",
            f"There is no model folder {reference!r}, neither beside the recipe nor from here.",
            "Name a folder, or a model of the hub as owner/name.",
        )
    return _from_hub(found["name"], found["revision"] or "", report)


def _from_hub(name: str, revision: str, report: Reporter) -> Path:
    kept = cache.folder("models") / f"{name.replace('/', '--')}@{revision or 'main'}"
    if kept.is_dir():  # it gets its name when it is complete
        return kept
    from alloyengine.checkpoint.hub import download

    report.log(f"Downloading {name} from the hub")
    arriving = kept.with_name(f"{kept.name}.partial")  # the download goes on where it was cut off
    download(name, arriving, revision)
    arriving.rename(kept)
    return kept
