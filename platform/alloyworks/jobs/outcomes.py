"""Every way in which an attempt may end without a result: whose fault, what to do, and is it tried again.

A failure's code is one of these, wherever it comes from; the table's fault counts, not the teller's.
The failure's own message says what exactly happened, the title here what kind of thing that is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alloyengine.spec.protocol import Failure

Fault = Literal["user", "platform", "capacity"]
Whose = Literal["yours", "ours", "capacity"]
Again = Literal["never", "counted", "free"]
"""Another attempt follows by itself: never; until the attempts are used up; without using one up."""

WHOSE: dict[Fault, Whose] = {"user": "yours", "platform": "ours", "capacity": "capacity"}
LOST_WORKERS = 3
"""So often a job may lose its worker: then it is most likely the job that kills it."""


@dataclass(frozen=True)
class Told:
    """An ending as users see it."""

    code: str
    title: str
    whose: Whose
    message: str
    remedy: str
    again: bool  # another attempt followed by itself, as long as there were any


@dataclass(frozen=True)
class Outcome:
    code: str
    fault: Fault
    title: str
    remedy: str
    again: Again = "never"
    lost_worker: bool = False


def _yours(remedy: str, **titles: str) -> list[Outcome]:
    return [Outcome(code, "user", title, remedy) for code, title in titles.items()]


def _ours(code: str, title: str, remedy: str, lost_worker: bool = False) -> Outcome:
    return Outcome(code, "platform", title, remedy, "counted", lost_worker)


_AGAIN = "Nothing needs to be changed: retry the job."
_TELL_US = "Retry the job; if it ends the same way, show the operator its log."
_TELL_OPERATOR = (
    "Nothing of yours is wrong: show the operator these words, and retry the job later."
)
_MODEL = "Choose another model, or import it again from a complete, clean source."
_ADAPTER = "Export the adapter again, or choose another."
_DATASET = "Correct the dataset, upload it as a new one, and submit the job with it."
_RECIPE = "Change the recipe at the place that is named, and submit it as a new job."
_EVALUATION = "Change the test set or task that is named, and submit it as a new job."
_SPEC = "Change what is named, and submit it as a new job."

_ALL = [
    # Yours: the same input ends the same way.
    *_yours(
        _MODEL,
        checkpoint_damaged="A file of weights is damaged",
        delta_damaged="A delta is damaged",
        delta_missing="A delta's files are missing",
        delta_of_another="A delta belongs to another model",
        gguf_unreadable="A GGUF file can't be read",
        hub_gated="The model's owner asks for consent first",
        hub_missing="There is no such model on the hub",
        hub_unreachable="The hub does not answer",
        layer_missing="A layer is missing from a model",
        layers_inexpressible="The layers can't be written as one model",
        model_code="A model wants to run code of its own",
        model_damaged="A model is damaged",
        model_incomplete="A model is incomplete",
        model_is_delta="A model is only a delta",
        model_kind="A model is of a kind that is not supported",
        model_link="A model's folder has links",
        model_missing="A model is missing",
        model_pickle="A model is stored as pickle",
        model_quantised="A model is quantised",
        model_unloadable="A model can't be loaded",
        no_layers="A model has no layers that can be scanned",
        not_finite="A model has numbers that are not finite",
        package_missing="The model needs a package that is not installed",
        source_unknown="The model's source is not known",
        tensor_missing="A tensor is missing from a model",
        tokenizer_damaged="A tokenizer is damaged",
        tokenizer_missing="A tokenizer is missing",
        tokenizer_unreadable="A tokenizer can't be read",
        chat_template_wrong="A chat template is wrong",
        no_chat_template="The model has no chat template",
    ),
    *_yours(
        _ADAPTER,
        adapter_damaged="An adapter is damaged",
        adapter_incomplete="An adapter is incomplete",
        adapter_misfit="An adapter does not fit its model",
        adapter_unsupported="An adapter is of a kind that is not supported",
        extraction_wrong="The adapter can't be extracted that way",
        nothing_to_decompose="The two models do not differ",
    ),
    *_yours(
        _DATASET,
        dataset_columns="The dataset lacks columns",
        dataset_empty="The dataset is empty",
        dataset_json="The dataset is not JSON lines",
        dataset_line_long="A line of the dataset is too long",
        dataset_missing="The dataset is missing",
        dataset_nothing_to_learn="The dataset has nothing to learn",
        dataset_nothing_to_score="The dataset has nothing to score",
        dataset_too_small="The dataset is too small",
        pair_equal="Two answers of a pair are equal",
    ),
    *_yours(
        _RECIPE,
        architecture_unknown="The models can't become experts",
        models_count="The number of models is wrong",
        models_differ="The models do not fit together",
        models_twice="A model is named twice",
        models_unlike="The models are of different shapes",
        no_device="The machine has no such device",
        not_between="The model does not lie between the two others",
        recipe_wrong="The recipe is wrong",
        tokenizer_model="The recipe names no model for a vocabulary",
        tokenizer_token="The recipe names a token that is not there",  # noqa: S106  # no secret
    ),
    *_yours(
        _EVALUATION,
        continuation_length="A choice is too long for the model",
        harness_missing="Tasks can't be run on this machine",
        json_schema="A JSON schema is wrong",
        judge_missing="There is no judge",
        judge_url="The judge's address can't be used",
        pattern_slow="A pattern takes too long",
        pattern_wrong="A pattern is no regular expression",
        task_code="A task wants to run code of its own",
        task_data="A task's documents are missing",
        task_failed="A task can't be run",
        task_file="A task's file is wrong",
        task_length="A task's answers are too long for the model",
        task_samples="A task asks for sampled answers",
        task_unknown="There is no such task",
        task_unsafe="A task runs what models write",
    ),
    *_yours(
        _SPEC,
        checkpoint_of_another="The checkpoints are of another run",
        model_silent="The models say nothing",
        module_pattern="A pattern of modules is wrong",
        modules_file="A list of modules is wrong",
        no_gpu="The method needs a GPU",
        nothing_selected="Nothing is selected for training",
        output_exists="The output is there already",
        parameter_names="Names of parameters do not fit",
        report_overlaps="The report would ask what was searched",
        resources_forgetting="Forgetting can't be measured on these resources",
        resources_gpus="The number of GPUs is wrong",
        resources_nodes="The number of machines is wrong",
        resources_processes="The number of processes is wrong",
        resources_tuning="The method does not run on these resources",
        search_failed="No candidate could be scored",
        size="A size is wrong",
        snr_file="A scan's file is wrong",
        stack_in_part="A stack of experts can't be trained in part",
        text_empty="A text is empty",
        teacher_tokenizer="The teacher has another vocabulary",
        teacher_width="The teacher has another width",
        training_diverged="Training diverged",
        too_little_memory="Training needs more memory than there is",
        deadline="The job reached its time limit",
        input_failed="A job that this one waited for did not succeed",
        input_deleted="An input was deleted",
        stopped="The job was cancelled",
    ),
    # Capacity: the machine was too small, or wanted back.
    Outcome(
        "out_of_memory",
        "capacity",
        "Memory ran out",
        "Use a smaller batch, shorter examples, or a larger machine: the same would end the same way.",
    ),
    Outcome(
        "disk_full",
        "capacity",
        "The disk is full",
        "Use a machine with a larger disk, or ask the operator to free some room; then retry the job.",
    ),
    Outcome("killed", "capacity", "The engine was killed", _TELL_US, "counted", lost_worker=True),
    Outcome(
        "helper_died",
        "capacity",
        "A process that scored candidates was killed",
        "Most often memory ran out: let fewer candidates be tried at once (workers).",
    ),
    Outcome(
        "process_killed",
        "capacity",
        "A process of the run was killed",
        "Most often memory ran out: use a smaller batch, or fewer or larger machines.",
        "counted",
        lost_worker=True,
    ),
    Outcome("evicted", "capacity", "The machine was wanted back", _AGAIN, "free"),
    Outcome(
        "no_machine",
        "capacity",
        "No machine was free",
        "Ask for fewer GPUs or nodes, or ask the operator which machines there are; then retry the job.",
    ),
    # Ours: another attempt may fare better.
    _ours("runner_died", "The worker died", _AGAIN, lost_worker=True),
    _ours("runner_silent", "The worker fell silent", _AGAIN, lost_worker=True),
    _ours("disobedient", "The worker did not stop when told to", _AGAIN),
    _ours("engine_failed", "The engine failed", _TELL_US),
    _ours("broken_result", "The result was not what the worker said", _TELL_US),
    _ours("transfer_failed", "Files could not be moved", _AGAIN),
    _ours("started_twice", "The cluster started the job twice", _AGAIN),
    _ours("image_unusable", "The worker could not be started", _TELL_OPERATOR),
    _ours("cluster_refused", "The cluster does not take the job", _TELL_OPERATOR),
    Outcome(
        "lost_workers",
        "platform",
        "The job lost its worker again and again",
        "Most often the job needs more memory than the machine has: use a smaller batch or a larger "
        "machine. Else show the operator the job's log.",
    ),
]
TABLE: dict[str, Outcome] = {outcome.code: outcome for outcome in _ALL}
LOSES_WORKER = [outcome.code for outcome in _ALL if outcome.lost_worker]


def of(code: str) -> Outcome:
    """What was stored under an earlier version may have a code that is no longer known."""
    return TABLE.get(code, TABLE["engine_failed"])


def told(failure: Mapping[str, Any] | None) -> Told | None:
    """A stored failure; None for none."""
    if not failure:
        return None
    outcome = of(failure["code"])
    return Told(
        code=failure["code"],
        title=outcome.title,
        whose=WHOSE[outcome.fault],
        message=failure["message"],
        remedy=failure.get("remedy") or outcome.remedy,
        again=outcome.again != "never",
    )


def settled(failure: Failure) -> Failure:
    """As the table has it: an unknown code is our failure, the fault is the table's, a remedy is there."""
    outcome = of(failure.code)
    return Failure(
        code=outcome.code,
        fault=outcome.fault,
        message=failure.message,
        remedy=failure.remedy or outcome.remedy,
    )


def lost_workers(times: int, last: Failure) -> Failure:
    """What is said of a job that takes its worker down again and again."""
    outcome = TABLE["lost_workers"]
    message = f"The job lost its worker {times} times. The last time: {last.message}"
    return Failure(
        code=outcome.code, fault=outcome.fault, message=message[:8192], remedy=outcome.remedy
    )
