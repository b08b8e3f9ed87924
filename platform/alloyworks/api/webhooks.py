"""Webhooks, their deliveries, and which mails one wants."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from pydantic import BaseModel, Field, StrictBool

from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.webhooks import choices, endpoints
from alloyworks.webhooks.models import Delivery, Endpoint, MessageState

router = Router()
mail_router = Router()
Event = Literal["job.succeeded", "job.failed", "job.cancelled"]
EVERY: list[Event] = ["job.succeeded", "job.failed", "job.cancelled"]


class EndpointIn(BaseModel):
    url: str = Field(max_length=2000, description="https, at an address that everybody reaches")
    events: list[Event] = Field(EVERY, min_length=1)


class EndpointChange(BaseModel):
    """What is left out stays."""

    active: bool | None = None
    events: list[Event] | None = None


class EndpointOut(BaseModel):
    id: UUID
    url: str
    events: list[Event]
    active: bool
    trouble: str = Field(description="Why it was switched off after a day without success")
    created_at: datetime
    created_by: str | None


class NewEndpointOut(EndpointOut):
    secret: str = Field(description="Signs what is sent; shown this once")


class DeliveryOut(BaseModel):
    id: UUID
    message_id: str = Field(description="The header webhook-id, the same at every try")
    event: str
    job_id: UUID | None
    state: MessageState
    tries: int
    created_at: datetime
    tried_at: datetime | None
    next_at: datetime | None = Field(description="When it is tried next; null when it is not")
    status: int | None = Field(description="Of the latest answer")
    answer: str = Field(description="How the latest answer begins")
    error: str = Field(description="Why the latest try failed")


class MailChoice(BaseModel):
    job_end: StrictBool = Field(description="A mail when a job that you submitted has ended")


@router.get("", response={200: Page[EndpointOut], **PROBLEMS}, summary="List webhooks")
def list_webhooks(
    request: HttpRequest, cursor: Cursor = None, limit: Limit = 50
) -> Page[EndpointOut]:
    rows = endpoints.endpoints_of(principal_of(request, "webhooks.manage"))
    found, following = page_of(rows, cursor, limit)
    return Page(items=[endpoint_out(row) for row in found], next=following)


@router.post("", response={201: NewEndpointOut, **PROBLEMS}, summary="Make a webhook")
def create(
    request: HttpRequest, response: HttpResponse, body: EndpointIn
) -> Status[NewEndpointOut]:
    """Signed as in the Standard Webhooks specification; repeated for a day until a 2xx comes."""
    principal = principal_of(request, "webhooks.manage")
    endpoint, secret = endpoints.create(principal, body.url, body.events)
    response["Cache-Control"] = "no-store"
    return Status(201, NewEndpointOut(**endpoint_out(endpoint).model_dump(), secret=secret))


@router.get("/{webhook_id}", response={200: EndpointOut, **PROBLEMS}, summary="One webhook")
def show(request: HttpRequest, webhook_id: UUID) -> EndpointOut:
    return endpoint_out(endpoints.get(principal_of(request, "webhooks.manage"), webhook_id))


@router.patch(
    "/{webhook_id}",
    response={200: EndpointOut, **PROBLEMS},
    summary="Switch a webhook on or off, or choose its events",
)
def change(request: HttpRequest, webhook_id: UUID, body: EndpointChange) -> EndpointOut:
    principal = principal_of(request, "webhooks.manage")
    return endpoint_out(endpoints.change(principal, webhook_id, body.active, body.events))


@router.delete("/{webhook_id}", response={204: None, **PROBLEMS}, summary="Delete a webhook")
def delete(request: HttpRequest, webhook_id: UUID) -> Status[None]:
    endpoints.delete(principal_of(request, "webhooks.manage"), webhook_id)
    return Status(204, None)


@router.post(
    "/{webhook_id}/test", response={202: DeliveryOut, **PROBLEMS}, summary="Send a test event"
)
def send_test(request: HttpRequest, webhook_id: UUID) -> Status[DeliveryOut]:
    """Tried once."""
    principal = principal_of(request, "webhooks.manage")
    return Status(202, delivery_out(endpoints.test(principal, webhook_id)))


@router.get(
    "/{webhook_id}/deliveries",
    response={200: Page[DeliveryOut], **PROBLEMS},
    summary="List deliveries",
)
def list_deliveries(
    request: HttpRequest, webhook_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[DeliveryOut]:
    rows = endpoints.deliveries_of(principal_of(request, "webhooks.manage"), webhook_id)
    found, following = page_of(rows, cursor, limit)
    return Page(items=[delivery_out(row) for row in found], next=following)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    response={202: DeliveryOut, **PROBLEMS},
    summary="Send a delivery again",
)
def resend(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> Status[DeliveryOut]:
    principal = principal_of(request, "webhooks.manage")
    return Status(202, delivery_out(endpoints.resend(principal, webhook_id, delivery_id)))


@mail_router.get("", response={200: MailChoice, **PROBLEMS}, summary="Which mails you get")
def mails(request: HttpRequest) -> MailChoice:
    principal = principal_of(request, "organisation.view")
    return MailChoice(job_end=choices.wants_job_mail(principal))


@mail_router.put("", response={200: MailChoice, **PROBLEMS}, summary="Choose your mails")
def choose_mails(request: HttpRequest, body: MailChoice) -> MailChoice:
    principal = principal_of(request, "organisation.view")
    choices.choose_job_mail(principal, body.job_end)
    return MailChoice(job_end=choices.wants_job_mail(principal))


def endpoint_out(row: Endpoint) -> EndpointOut:
    return EndpointOut(
        id=row.id,
        url=row.url,
        events=row.events,
        active=row.active,
        trouble=row.trouble,
        created_at=row.created_at,
        created_by=row.created_by.email if row.created_by else None,
    )


def delivery_out(row: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=row.id,
        message_id=row.message_id,
        event=row.event,
        job_id=row.job_id,
        state=MessageState(row.state),
        tries=row.tries,
        created_at=row.created_at,
        tried_at=row.tried_at,
        next_at=row.next_at if row.state == MessageState.PENDING else None,
        status=row.status,
        answer=row.answer,
        error=row.error,
    )
