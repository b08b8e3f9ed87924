"""The one union of everything that can be run."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.moe import MoeSpec
from alloyengine.spec.train import TrainSpec

AnySpec = TrainSpec | MergeSpec | MoeSpec | EvaluateSpec | EvolveSpec
JobSpec = Annotated[AnySpec, Field(discriminator="kind")]
job_spec: TypeAdapter[AnySpec] = TypeAdapter(JobSpec)
"""Validates (`validate_python`, `validate_json`) and describes (`json_schema`) job specs."""
