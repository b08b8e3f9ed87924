"""`alloy evolve`: one search on this machine."""

import signal
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate
from alloyengine.cli.scores import drawn
from alloyengine.cli.specs import raw_of, validated
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.metrics import Metric
from alloyengine.spec.result import EvaluateResult


def evolve(
    search: Annotated[Path, typer.Argument(help="YAML; models and datasets are paths beside it")],
    out: Annotated[Path, typer.Argument(help="New folder for the best model")],
) -> None:
    """Search the numbers of a merge recipe by evolution. Run again after an interruption, it goes on."""
    with ConsoleReporter() as report:
        for order in (signal.SIGTERM, signal.SIGINT):
            signal.signal(order, partial(_stop, report))
        spec = read_search(search, report)
        inputs = inputs_of(spec, search.parent, report)
        kept = out.with_name(f"{out.name}.candidates")
        from alloyengine.evolve.run import run

        try:
            result = run(spec, inputs, out, report, kept)
        except Stopped as stopped:
            raise Stopped("stopped", f"{stopped} Run the same command again to go on.") from None
        report.log(
            f"{result.evaluations} candidates in {result.generations} generations; the best has "
            f"{result.score:.4f}. It is in {out}, all candidates are in {kept}."
        )
    for table in drawn(EvaluateResult(scores=result.scores)):
        report.console.print(table)


def read_search(path: Path, report: Reporter) -> EvolveSpec:
    """A search of ours, or the peer's (with a `genome`)."""
    raw = raw_of(path)
    if isinstance(raw, dict) and "genome" in raw:
        from alloyengine.evolve.genome import PeerSearch, search_of

        peer = validated(PeerSearch, raw, path)

        def layers(reference: str) -> int:
            from alloyengine.checkpoint import facts

            found = facts(locate(reference.partition("+")[0], path.parent, report)).layers
            if not found:
                raise InputError("no_layers", f"{reference} has no layers.", "Name another model.")
            return found

        raw = search_of(peer, layers, get_args(Metric))
    return validated(EvolveSpec, raw, path)


def inputs_of(spec: EvolveSpec, beside: Path, report: Reporter) -> dict[str, Path]:
    """Models are folders or names of the hub; datasets lie beside the search."""
    found = {}
    for ref in spec.inputs():
        if ref.reference not in found:
            model = ref.kind == "model"
            place = locate(ref.reference, beside, report) if model else beside / ref.reference
            found[ref.reference] = place
    return found


def _stop(report: ConsoleReporter, number: int, _frame: object) -> None:
    """Once: between two batches. Twice: now."""
    if report.stopping():
        raise KeyboardInterrupt
    report.log("Stops after this batch; once more stops at once.", "warning")
    report.stop()
