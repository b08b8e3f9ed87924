"""The trained model as a folder like its base."""

from collections.abc import Mapping
from pathlib import Path

import torch

from alloyengine.checkpoint import Checkpoint, Writer, copy_companions
from alloyengine.report import Reporter

PHASE = "Saving"


def save(base: Path, trained: Mapping[str, torch.Tensor], out: Path, report: Reporter) -> None:
    """Every tensor in the base's type; what was frozen stays as it is in the base, bit for bit."""
    with Checkpoint.open(base) as model:
        layout = {name: model.info(name) for name in model.names}
        with Writer.open(out, layout) as writer:
            for done, name in enumerate(layout):
                report.progress(PHASE, done, len(layout))
                tensor = model.read(name)
                if name in trained:
                    tensor = trained[name].detach().to("cpu", tensor.dtype)
                writer.write(name, tensor)
            copy_companions(base, writer.folder)
        report.progress(PHASE, len(layout), len(layout))
