"""Webhooks as people manage them: made, tested, switched off and on, deleted."""

from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from alloyworks import outbound
from alloyworks.accounts import audit
from alloyworks.accounts.models import Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.errors import Conflict, FieldError, NotFound, invalid
from alloyworks.outbound import Unreachable, UrlNotAllowed
from alloyworks.webhooks import events, signing, tasks
from alloyworks.webhooks.models import Delivery, Endpoint, Mail, MessageState

MOST = 20
OFF = """Alloyworks has stopped calling a webhook of {organisation}:

    {url}

{why}

Once it works again, switch it on here; what was missed can be sent again from there:
{link}
"""


def endpoints_of(principal: Principal) -> QuerySet[Endpoint]:
    mine = Endpoint.objects.filter(organisation=principal.organisation)
    return mine.select_related("created_by").order_by("-id")


def get(principal: Principal, endpoint_id: UUID) -> Endpoint:
    found = endpoints_of(principal).filter(id=endpoint_id).first()
    if found is None:
        raise NotFound(f"There is no webhook {endpoint_id}.")
    return found


def create(principal: Principal, url: str, wanted: Sequence[str]) -> tuple[Endpoint, str]:
    """A new webhook and its secret, which is shown this once. Raises Invalid."""
    principal.require("webhooks.manage")
    _refuse_events(wanted)
    url = url.strip()
    _try_url(url)
    if endpoints_of(principal).count() >= MOST:
        raise Conflict(f"There are {MOST} webhooks already; delete one first.")
    endpoint = Endpoint.objects.create(
        organisation=principal.organisation,
        created_by=principal.user,
        url=url,
        events=sorted(set(wanted)),
    )
    audit.note(principal, "webhook.create", endpoint.id, _site(url), events=endpoint.events)
    return endpoint, signing.secret_of(endpoint.id)


def change(
    principal: Principal,
    endpoint_id: UUID,
    active: bool | None = None,
    wanted: Sequence[str] | None = None,
) -> Endpoint:
    """Switches it on or off, or chooses other events; None leaves things as they are."""
    principal.require("webhooks.manage")
    endpoint = get(principal, endpoint_id)
    if wanted is not None:
        _refuse_events(wanted)
        endpoint.events = sorted(set(wanted))
    if active is not None:
        endpoint.active, endpoint.trouble = active, ""
        if not active:
            _give_up_pending(endpoint, "The webhook was switched off.")
    endpoint.save()
    told = {"active": endpoint.active, "events": endpoint.events}
    audit.note(principal, "webhook.change", endpoint.id, _site(endpoint.url), **told)
    return endpoint


def delete(principal: Principal, endpoint_id: UUID) -> None:
    """With its deliveries."""
    principal.require("webhooks.manage")
    endpoint = get(principal, endpoint_id)
    audit.note(principal, "webhook.delete", endpoint.id, _site(endpoint.url))
    endpoint.delete()


def deliveries_of(principal: Principal, endpoint_id: UUID) -> QuerySet[Delivery]:
    """Newest first."""
    return Delivery.objects.filter(endpoint=get(principal, endpoint_id)).order_by("-id")


def test(principal: Principal, endpoint_id: UUID) -> Delivery:
    """Sends an event that tells of nothing; it is tried once."""
    principal.require("webhooks.manage")
    endpoint = get(principal, endpoint_id)
    return _queued(
        Delivery(
            organisation_id=endpoint.organisation_id,
            endpoint=endpoint,
            event=events.TEST,
            body=events.test_body(endpoint),
        )
    )


def resend(principal: Principal, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Sends an event again, with the id that it had. Conflict when the webhook is off."""
    principal.require("webhooks.manage")
    mine = deliveries_of(principal, endpoint_id).select_for_update(of=("self",))
    delivery = mine.filter(id=delivery_id).select_related("endpoint").first()
    if delivery is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    if not delivery.endpoint.active:
        raise Conflict("The webhook is switched off; switch it on first.")
    delivery.state, delivery.tries, delivery.error = MessageState.PENDING, 0, ""
    delivery.due_since = delivery.next_at = timezone.now()
    url, event = delivery.endpoint.url, delivery.event
    audit.note(principal, "webhook.resend", delivery.id, _site(url), event=event)
    return _queued(delivery)


def switch_off(endpoint: Endpoint, why: str) -> None:
    """Because a message could not be delivered for a day; the owners are told by mail."""
    changed = Endpoint.objects.filter(id=endpoint.id, active=True)
    if changed.update(active=False, trouble=why[:500]) != 1:
        return
    _give_up_pending(endpoint, "The webhook was switched off.")
    owners = Membership.objects.filter(
        organisation_id=endpoint.organisation_id, role=Role.OWNER, user__is_active=True
    )
    for owner in owners.select_related("user", "organisation"):
        text = OFF.format(
            organisation=owner.organisation.name,
            url=endpoint.url,
            why=why,
            link=urljoin(config.public_url, f"/webhooks/{endpoint.id}/"),
        )
        subject = f"A webhook was switched off: {urlsplit(endpoint.url).hostname}"
        Mail.objects.create(
            organisation_id=endpoint.organisation_id,
            address=owner.user.email,
            subject=subject[:200],
            text=text,
        )
    tasks.hint()


def _queued(delivery: Delivery) -> Delivery:
    delivery.save()
    tasks.hint()
    return delivery


def _give_up_pending(endpoint: Endpoint, why: str) -> None:
    pending = Delivery.objects.filter(endpoint=endpoint, state=MessageState.PENDING)
    pending.update(state=MessageState.FAILED, error=why)


def _refuse_events(wanted: Sequence[str]) -> None:
    known = ", ".join(events.EVENTS)
    if not wanted:
        raise invalid(["events"], "No event is chosen.", f"Choose of {known}.")
    for event in wanted:
        if event not in events.EVENTS:
            raise invalid(["events"], f"There is no event {event!r}.", f"Choose of {known}.")


def _site(url: str) -> str:
    """For the audit log: the rest of a webhook's address is often its secret."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"


def _try_url(url: str) -> None:
    """Looked at when it is made, for the person; and again at every try, for us."""
    try:
        outbound.resolve(outbound.read(url).host)
    except Unreachable as problem:
        detail, remedy = str(problem), "Is it spelled right, and known to public DNS?"
        raise UrlNotAllowed(detail, [FieldError(["url"], detail, remedy)]) from None
