"""Runs any job: the one entry of the engine, for the runner and the command line alike."""

from pathlib import Path

from alloyengine.report import Reporter
from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.job import AnySpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.moe import MoeSpec
from alloyengine.spec.result import JobResult
from alloyengine.spec.train import TrainSpec


def execute(
    spec: AnySpec,
    inputs: dict[str, Path],
    out: Path,
    report: Reporter,
    checkpoints: Path | None = None,
) -> JobResult:
    """`inputs` maps every reference of the spec to a local folder; the result's files are in `out`.

    Training and evolution go on from the last of their `checkpoints`, and leave them there. Raises
    EngineError.
    Imports only what the kind needs: most of it is heavy.
    """
    match spec:
        case TrainSpec():
            from alloyengine.train.run import run as train

            return train(spec, inputs, out, report, checkpoints)
        case MergeSpec():
            from alloyengine.merge.run import run as merge

            return merge(spec, inputs, out, report)
        case MoeSpec():
            from alloyengine.moe.run import run as upcycle

            return upcycle(spec, inputs, out, report)
        case EvaluateSpec():
            from alloyengine.evaluate.run import run as evaluate

            return evaluate(spec, inputs, out, report)
        case EvolveSpec():
            from alloyengine.evolve.run import run as evolve

            return evolve(spec, inputs, out, report, checkpoints)
