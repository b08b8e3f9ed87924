"""Endpoints: models and mixtures that answer at /v1/chat/completions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status
from pydantic import BaseModel, Field

from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.errors import invalid
from alloyworks.serving import endpoints
from alloyworks.serving.models import Endpoint, EndpointState, EndpointUse

router = Router()


class MixtureIn(BaseModel):
    layers: list[list[str]] = Field(
        min_length=1, max_length=4, description="Endpoints by name; each layer sees the one before"
    )
    aggregator: str = Field(max_length=63, description="The endpoint whose answer counts")


class ModelEndpointIn(BaseModel):
    name: str = Field(max_length=63, description="As requests call it in `model`")
    model_id: UUID | None = Field(None, description="The version behind it; or give a mixture")
    mixture: MixtureIn | None = Field(None, description="Of agents, instead of a model")
    idle_minutes: int = Field(30, description="Falls asleep after so long; 0: never")


class ModelEndpointChange(BaseModel):
    """What is left out stays."""

    model_id: UUID | None = None
    idle_minutes: int | None = None


class ModelEndpointOut(BaseModel):
    id: UUID
    name: str
    model_id: UUID | None
    mixture: dict[str, Any] | None
    state: EndpointState
    since: datetime = Field(description="Of the state")
    trouble: str = Field(description="Why it failed, or why its last server ended")
    idle_minutes: int
    asked_at: datetime | None = Field(description="By the last request, to ten seconds")
    created_at: datetime
    created_by: str | None


class ModelEndpointUse(BaseModel):
    day: date
    requests: int
    failed: int
    read: int = Field(description="tokens")
    written: int = Field(description="tokens")


@router.get("", response={200: Page[ModelEndpointOut], **PROBLEMS}, summary="List endpoints")
def list_endpoints(
    request: HttpRequest, cursor: Cursor = None, limit: Limit = 50
) -> Page[ModelEndpointOut]:
    rows = endpoints.endpoints_of(principal_of(request, "endpoints.view"))
    found, following = page_of(rows, cursor, limit)
    return Page(items=[endpoint_out(row) for row in found], next=following)


@router.post("", response={201: ModelEndpointOut, **PROBLEMS}, summary="Make an endpoint")
def create(request: HttpRequest, body: ModelEndpointIn) -> Status[ModelEndpointOut]:
    """It sleeps until the first request, which wakes it."""
    principal = principal_of(request, "endpoints.manage")
    mixture = body.mixture
    if mixture is not None and body.model_id is None:
        found = endpoints.create_mixture(principal, body.name, mixture.layers, mixture.aggregator)
    elif body.model_id is None or mixture is not None:
        raise invalid(["model_id"], "An endpoint has a model or a mixture.", "Give one of the two.")
    else:
        found = endpoints.create(principal, body.name, body.model_id, body.idle_minutes)
    return Status(201, endpoint_out(endpoints.get(principal, found.id)))


@router.get(
    "/{endpoint_id}", response={200: ModelEndpointOut, **PROBLEMS}, summary="Show an endpoint"
)
def show(request: HttpRequest, endpoint_id: UUID) -> ModelEndpointOut:
    return endpoint_out(endpoints.get(principal_of(request, "endpoints.view"), endpoint_id))


@router.patch("/{endpoint_id}", response={200: ModelEndpointOut, **PROBLEMS}, summary="Change it")
def change(request: HttpRequest, endpoint_id: UUID, body: ModelEndpointChange) -> ModelEndpointOut:
    """Another version behind the same name: a server of the old one ends, one of the new one starts."""
    principal = principal_of(request, "endpoints.manage")
    return endpoint_out(endpoints.change(principal, endpoint_id, body.model_id, body.idle_minutes))


@router.delete("/{endpoint_id}", response={204: None, **PROBLEMS}, summary="Delete an endpoint")
def delete(request: HttpRequest, endpoint_id: UUID) -> Status[None]:
    endpoints.delete(principal_of(request, "endpoints.manage"), endpoint_id)
    return Status(204, None)


@router.post("/{endpoint_id}/wake", response={202: ModelEndpointOut, **PROBLEMS}, summary="Wake it")
def wake(request: HttpRequest, endpoint_id: UUID) -> Status[ModelEndpointOut]:
    principal = principal_of(request, "endpoints.use")
    return Status(202, endpoint_out(endpoints.wake(principal, endpoint_id)))


@router.post(
    "/{endpoint_id}/sleep", response={202: ModelEndpointOut, **PROBLEMS}, summary="Put it to sleep"
)
def sleep(request: HttpRequest, endpoint_id: UUID) -> Status[ModelEndpointOut]:
    principal = principal_of(request, "endpoints.manage")
    return Status(202, endpoint_out(endpoints.sleep(principal, endpoint_id)))


@router.get(
    "/{endpoint_id}/use",
    response={200: list[ModelEndpointUse], **PROBLEMS},
    summary="What it was asked",
)
def use(request: HttpRequest, endpoint_id: UUID) -> list[ModelEndpointUse]:
    """Day by day (UTC), the last ninety that it was asked on."""
    endpoint = endpoints.get(principal_of(request, "endpoints.view"), endpoint_id)
    rows = EndpointUse.objects.filter(endpoint=endpoint).order_by("-day")[:90]
    return [ModelEndpointUse.model_validate(row, from_attributes=True) for row in rows]


def endpoint_out(row: Endpoint) -> ModelEndpointOut:
    return ModelEndpointOut(
        id=row.id,
        name=row.name,
        model_id=row.model_version_id,
        mixture=row.mixture,
        state=EndpointState(row.state),
        since=row.since,
        trouble=row.trouble,
        idle_minutes=row.idle_minutes,
        asked_at=row.asked_at,
        created_at=row.created_at,
        created_by=row.created_by.email if row.created_by else None,
    )
