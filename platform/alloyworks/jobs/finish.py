"""The end of an attempt as its runner tells it: checked, then written in one transaction."""

from alloyengine.spec.protocol import Failure, FileFacts, Finish
from alloyengine.spec.result import RESULT, EvaluateResult, EvolveResult, JobResult
from alloyworks.catalog import evaluations, versions
from alloyworks.catalog.manifest import Entry
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.jobs import lifecycle
from alloyworks.jobs.models import Attempt, Job
from alloyworks.jobs.stored import contradiction
from alloyworks.storage import keys


def finish(attempt: Attempt, told: Finish) -> None:
    """Ends the attempt. Raises StaleAttempt when it is over already."""
    if told.stopped:
        return lifecycle.obey(attempt)
    if told.result is None:
        return lifecycle.fail(attempt, told.failure or _broken("The runner gave no reason."))
    if problem := _problem(attempt, told.result, told.files):
        return lifecycle.fail(attempt, _broken(problem))
    stored = sum(file.size for file in told.files)
    job = lifecycle.succeed(attempt, told.result.model_dump(mode="json"), stored)
    _register(job, attempt, told.result, told.files)
    return None


def prefix_of(attempt: Attempt) -> str:
    return keys.attempt_prefix(attempt.organisation_id, attempt.job_id, attempt.number)


def _problem(attempt: Attempt, result: JobResult, files: list[FileFacts]) -> str:
    """What of the manifest is not so."""
    if result.kind != attempt.job.kind:
        return f"A job of kind {attempt.job.kind} ended with a result of kind {result.kind}."
    if result.kind != "evaluate" and not any(f.path.endswith(".safetensors") for f in files):
        return "The job made a model without weights."
    return contradiction(prefix_of(attempt), files)


def _register(job: Job, attempt: Attempt, result: JobResult, files: list[FileFacts]) -> None:
    entries: list[Entry] = [
        Entry(path=file.path, size=file.size, sha256=file.sha256) for file in files
    ]
    inputs = list(job.inputs.select_related("model_version", "dataset"))
    models: dict[str, ModelVersion] = {
        entry.reference: entry.model_version for entry in inputs if entry.model_version
    }
    datasets: dict[str, Dataset] = {
        entry.reference: entry.dataset for entry in inputs if entry.dataset
    }
    if isinstance(result, EvaluateResult):
        job.files = entries
        job.save(update_fields=["files"])
        # Agents of a mixture are inputs, too, but were not scored alone.
        asked = {name: models[name] for name in job.spec["models"] if name in models}
        return evaluations.record(job, result.scores, asked, datasets, result.tasks)
    facts = result.facts.model_dump(mode="json")
    made = versions.register(job, job.kind, prefix_of(attempt), entries, facts, models.values())
    if isinstance(result, EvolveResult):
        # Its parents were asked half of the questions, too, but they may have scores on all of them.
        evaluations.record(job, result.scores, {RESULT: made}, datasets)
    return None


def _broken(message: str) -> Failure:
    return Failure(code="broken_result", fault="platform", message=message)
