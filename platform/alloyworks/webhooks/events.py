"""What there is to tell, and in which words: `job_ended` runs in the transaction that ends a job.

The body of a webhook:

    {"type": "job.succeeded", "timestamp": "…", "data": {id, name, kind, state, …, url, api}}
"""

import json
from dataclasses import asdict
from typing import Any
from urllib.parse import urljoin

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from alloyworks.accounts.models import Membership
from alloyworks.config import config
from alloyworks.jobs import outcomes
from alloyworks.jobs.models import Job
from alloyworks.jobs.outcomes import Told
from alloyworks.webhooks import tasks
from alloyworks.webhooks.models import Delivery, Endpoint, Mail, NoJobMail

EVENTS = ("job.succeeded", "job.failed", "job.cancelled")
TEST = "test"
MAIL = """The job {name!r} {ended}.
{why}
{link}

You submitted it in {organisation}. No such mails any more: {choice}
"""
_ENDED = {"succeeded": "has succeeded", "failed": "has failed", "cancelled": "was cancelled"}


def job_ended(job: Job) -> None:
    """Writes a message for everybody who wants to hear of it."""
    event = f"job.{job.state}"
    listening = Endpoint.objects.filter(
        organisation_id=job.organisation_id, active=True, events__contains=[event]
    )
    body = _body(event, _facts(job))
    for endpoint in listening:
        Delivery.objects.create(
            organisation_id=job.organisation_id, endpoint=endpoint, job=job, event=event, body=body
        )
    _mail(job)
    tasks.hint()


def test_body(endpoint: Endpoint) -> str:
    """Of the event that the test button sends."""
    return _body(TEST, {"webhook": str(endpoint.id), "message": "A test of this webhook."})


def _body(event: str, data: dict[str, Any]) -> str:
    told = {"type": event, "timestamp": timezone.now(), "data": data}
    return json.dumps(told, cls=DjangoJSONEncoder)


def _facts(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "organisation_id": job.organisation_id,
        "name": job.name,
        "kind": job.kind,
        "state": job.state,
        "attempts": job.attempt_number,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "failure": asdict(failure) if (failure := _failure(job)) else None,
        "url": _page(job),
        "api": urljoin(config.public_url, f"/api/v1/jobs/{job.id}"),
    }


def _failure(job: Job) -> Told | None:
    """As the job's page tells it; a cancelled job may have one from an earlier attempt."""
    return outcomes.told(job.failure) if job.state == "failed" else None


def _mail(job: Job) -> None:
    """To whoever submitted the job, if they are still here and have not declined."""
    if job.created_by_id is None:
        return
    mine = Membership.objects.filter(
        organisation_id=job.organisation_id, user_id=job.created_by_id, user__is_active=True
    )
    member = mine.select_related("user", "organisation").first()
    declined = NoJobMail.objects.filter(
        organisation_id=job.organisation_id, user_id=job.created_by_id
    )
    if member is None or declined.exists():
        return
    text = MAIL.format(
        name=job.name,
        ended=_ENDED[job.state],
        why=_why(job),
        link=_page(job),
        organisation=member.organisation.name,
        choice=urljoin(config.public_url, "/accounts/mails/"),
    )
    Mail.objects.create(
        organisation_id=job.organisation_id,
        address=member.user.email,
        subject=f"{job.get_state_display()}: {' '.join(job.name.split())}",
        text=text,
    )


def _why(job: Job) -> str:
    failure = _failure(job)
    return f"\n{failure.message}\n{failure.remedy}\n" if failure else ""


def _page(job: Job) -> str:
    return urljoin(config.public_url, f"/jobs/{job.id}/")
