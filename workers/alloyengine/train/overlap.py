"""Whether a run's test examples were among what it learned from."""

from collections.abc import Mapping
from pathlib import Path

from alloyengine.errors import InputError
from alloyengine.evaluate.contamination import Overlap, overlap
from alloyengine.report import Reporter
from alloyengine.spec.train import TrainSpec


def overlaps_of(
    spec: TrainSpec, inputs: Mapping[str, Path], report: Reporter
) -> dict[str, Overlap]:
    """By reference: the test splits of the datasets learned from, and the general set of forgetting.

    What can't be read is left out with a warning: at a run's end nothing may be lost for it.
    """
    datasets = [ref for ref in spec.inputs() if ref.kind == "dataset"]
    learned = [inputs[ref.reference] for ref in datasets if ref.loc[0] != "forgetting"]
    tests = {ref.reference: inputs[ref.reference] / "test.jsonl" for ref in datasets}
    found = {}
    for reference, file in tests.items():
        if not file.is_file() or not file.stat().st_size:
            continue
        try:
            found[reference] = overlap(learned, file)
        except InputError as error:
            report.log(f"Whether test examples were learned is not known: {error}", "warning")
            continue
        if found[reference].found:
            count, examples = len(found[reference].found), found[reference].examples
            words = f"{count} of {examples} test examples of {reference} are in the training data."
            report.log(f"{words} Scores on them prove little.", "warning")
    return found
