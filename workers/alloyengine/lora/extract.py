"""Makes a LoRA adapter of what a model and its base differ in, one tensor at a time."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alloyengine.checkpoint import NewFolder
from alloyengine.diff.lineup import line_up
from alloyengine.diff.walk import Shared
from alloyengine.errors import InputError, Stopped
from alloyengine.lora.config import adapter_config
from alloyengine.lora.file import TensorFile
from alloyengine.lora.maker import PREFIX, Maker
from alloyengine.lora.records import Extraction
from alloyengine.lora.settings import DTYPES, Settings
from alloyengine.merge.members import Member
from alloyengine.report import Reporter

WEIGHTS, CONFIG, REPORT = "adapter_model.safetensors", "adapter_config.json", "extraction.json"
PHASE = "Extracting"


def extract(
    model: Member, base: Member, out: Path, settings: Settings, report: Reporter
) -> Extraction:
    """Writes the adapter to `out` (a new or empty folder), which PEFT loads onto the base.

    Holds a tensor for each core. Raises InputError, also when there is nothing to decompose; Stopped.
    """
    lineup = line_up([base, model])
    lineup.tell(report)
    with NewFolder(out).open({}) as sink:
        names = _possible_names(lineup.tensors)
        with TensorFile(sink.folder / WEIGHTS, names, DTYPES[settings.dtype]) as file:
            maker = Maker(base, settings, file)
            _take_all(maker, lineup.tensors, report)
            made = Extraction(maker.records, file.size)
        if not maker.ranks:
            raise InputError(
                "nothing_to_decompose",
                f"No weight that an adapter could change differs between {model.reference} and "
                f"{base.reference}.",
                "Compare other models, or include more modules.",
            )
        config = adapter_config(
            maker.adapted, settings.wanted.rank, settings.scale, base.reference, base.model.config
        )
        _write(sink.folder / CONFIG, config)
        _write(sink.folder / REPORT, made.to_json())
    return made


def _take_all(maker: Maker, tensors: Sequence[Shared], report: Reporter) -> None:
    """Several tensors at a time, each on one core: they are too small to be worth sharing."""
    total, done = sum(tensor.numel for tensor in tensors), 0
    report.progress(PHASE, done, total)
    ordered = maker.in_order(tensors)
    workers = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "extract")
    with ExitStack() as closing:
        closing.callback(workers.shutdown, cancel_futures=True)
        for tensor, look in zip(ordered, workers.map(maker.look, ordered), strict=True):
            if report.stopping():
                raise Stopped("stopped", "The extraction was stopped.")
            maker.keep(tensor, look)
            done += tensor.numel
            report.progress(PHASE, done, total)


def _possible_names(tensors: Sequence[Shared]) -> list[str]:
    """At least as long as those that will be written: two for each tensor."""
    return [f"{PREFIX}{tensor.name}.lora_embedding_A{'':32}" for tensor in tensors for _ in "AB"]


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
