"""`alloy spectrum`: scan a model and write what other trainers read."""

from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter


def spectrum(
    model: Annotated[Path, typer.Argument(help="Folder with config.json and safetensors")],
    top: Annotated[float, typer.Option(min=0, max=100, help="Share of each type, percent")] = 25,
    out: Annotated[Path, typer.Option(help="Folder for snr.json and unfrozen_parameters.yaml")] = (
        Path("spectrum")
    ),
) -> None:
    """Find the modules of a model with the highest signal-to-noise ratio."""
    from alloyengine.spectrum.files import write_files
    from alloyengine.spectrum.scan import scan
    from alloyengine.spectrum.select import snr_report

    with ConsoleReporter() as report:
        scored = scan(model, report)
        report.report("snr", snr_report(scored, top))
        ratios, unfrozen = write_files(out, scored, top)
        report.log(f"Wrote {ratios} and {unfrozen}.")
