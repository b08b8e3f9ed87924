"""What a training will take, before it is submitted."""

from django.http import HttpRequest
from ninja import Body, Router
from pydantic import BaseModel, Field

from alloyworks.accounts.principal import principal_of
from alloyworks.api.jobs import Spec
from alloyworks.api.problems import PROBLEMS
from alloyworks.jobs import foreseeing

router = Router()


class EstimateOut(BaseModel):
    seconds: float = Field(description="On this deployment's own machine")
    steps: int
    memory: dict[str, int] = Field(description="Bytes at the peak, by what they are for")
    peak: int = Field(description="Bytes: their sum")
    free: int = Field(description="Bytes that there are")


@router.post("", response={200: EstimateOut, **PROBLEMS}, summary="Estimate a training job")
def estimate(request: HttpRequest, spec: Body[Spec]) -> foreseeing.Estimate:
    """Time and memory, from the model's sizes and the dataset's first rows; takes some seconds and
    stores nothing. A job that does not fit into memory is refused with what would.
    """
    return foreseeing.estimate(principal_of(request, "jobs.submit"), spec)
