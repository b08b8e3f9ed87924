"""What a job's runner needs of its machine: from its spec and the sizes of its inputs.

On the safe side, as a runner that reaches a limit is ended; never below the operator's settings.
"""

from dataclasses import replace

from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.job import job_spec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.moe import MoeSpec
from alloyengine.spec.protocol import Failure
from alloyengine.spec.train import TrainSpec
from alloykube.facts import Needs
from alloyworks.catalog.models import ModelVersion
from alloyworks.config import config
from alloyworks.jobs import clock, deadline
from alloyworks.jobs.executors import NotLaunched
from alloyworks.jobs.models import Job
from alloyworks.jobs.specs import JobSpec

GIB = 1 << 30
MARGIN = 300  # seconds: the platform ends a job at its deadline before the cluster does
WHOLE = 4  # bytes a parameter, in each of several processes while it loads
TRAINED = 16  # bytes a parameter: float32 weights, gradients, and Adam's two means
SAVED = 12  # bytes a parameter in a checkpoint: weights and Adam's two means
CHECKPOINTS = 3  # that lie on the disk: two kept, one being written


def needs_of(job: Job) -> Needs:
    """Call it inside the organisation's scope."""
    entries = job.inputs.exclude(model_version=None).select_related("model_version")
    models = [entry.model_version for entry in entries if entry.model_version]
    least = Needs(
        seconds=_seconds_left(job) + MARGIN,
        cpus=config.kube_cpus,
        memory=int(config.kube_memory_gb * GIB),
        scratch=int(config.kube_scratch_gb * GIB),
        shared_memory=int(config.kube_shared_memory_gb * GIB),
    )
    spec = job_spec.validate_python(job.spec)
    wanted = _placed(least, spec)
    memory, scratch = _sizes(spec, models, on_gpus=wanted.gpus > 0)
    return replace(
        wanted,
        memory=max(wanted.memory, memory) + wanted.shared_memory,
        scratch=max(wanted.scratch, scratch),
    )


def refuse_spread(job: Job) -> None:
    """Raises NotLaunched for a run on several machines, whose pods would not reach each other."""
    spec = job_spec.validate_python(job.spec)
    if isinstance(spec, TrainSpec) and spec.resources.nodes > 1:
        message = f"resources.nodes = {spec.resources.nodes}: jobs of this platform have one machine each."
        remedy = (
            "Ask for more gpus of one node, or ask the operator to allow several "
            "(ALLOY_KUBE_MULTI_NODE)."
        )
        raise NotLaunched(
            Failure(code="resources_nodes", fault="user", message=message, remedy=remedy)
        )


def _placed(least: Needs, spec: JobSpec) -> Needs:
    """With GPUs, where there is an image for them and the job can use them; merging and upcycling are done
    by cores.
    """
    gpus, nodes = 1, 1
    if isinstance(spec, TrainSpec):
        gpus, nodes = spec.resources.gpus, spec.resources.nodes
    if isinstance(spec, MergeSpec | MoeSpec) or not config.kube_image_cuda:
        return replace(least, nodes=nodes, cpus=max(least.cpus, gpus))  # a core for each process
    return replace(least, nodes=nodes, gpus=gpus)


def _sizes(spec: JobSpec, models: list[ModelVersion], on_gpus: bool) -> tuple[int, int]:
    """Bytes of memory and of scratch."""
    sizes = [sum(file["size"] for file in model.files) for model in models]
    weights, largest = sum(sizes), max(sizes, default=0)
    if isinstance(spec, MergeSpec):  # it streams: nothing of the models' size is kept
        return 4 * GIB, GIB
    if isinstance(spec, MoeSpec):  # prompts pass through one layer's weights at a time
        return 4 * GIB + largest, GIB + 3 * weights
    if isinstance(spec, EvaluateSpec):
        return 4 * GIB + 2 * largest, GIB + weights
    if isinstance(spec, EvolveSpec):  # its models stay in memory, beside the one that answers
        return 4 * GIB + 2 * largest + weights, GIB + weights + 2 * largest
    parameters = max((int(model.facts.get("parameters") or 0) for model in models), default=0)
    copies = spec.resources.gpus if spec.resources.processes > 1 else 0
    loaded = WHOLE * parameters * copies
    held = max(loaded, 2 * largest if on_gpus else TRAINED * parameters)
    return 4 * GIB + held, GIB + 2 * weights + CHECKPOINTS * SAVED * parameters


def _seconds_left(job: Job) -> int:
    """Of the job's time limit, which all its attempts share."""
    ends = deadline.of(job)
    if ends is None:
        return int((job.max_hours or config.job_hours) * 3600)
    return max(1, int((ends - clock.now()).total_seconds()))
