"""Endpoints as people manage them: made, changed, woken, put to sleep, deleted."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from alloyworks.accounts import audit
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import Conflict, NotFound, invalid
from alloyworks.serving import lifecycle
from alloyworks.serving.models import Endpoint, EndpointState

MOST = 100
LONGEST_IDLE = 7 * 24 * 60  # minutes
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
Layers = Sequence[Sequence[str]]


def endpoints_of(principal: Principal) -> QuerySet[Endpoint]:
    principal.require("endpoints.view")
    mine = Endpoint.objects.filter(organisation=principal.organisation)
    return mine.select_related("created_by", "model_version").order_by("-id")


def get(principal: Principal, endpoint_id: UUID) -> Endpoint:
    found = endpoints_of(principal).filter(id=endpoint_id).first()
    if found is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return found


def create(
    principal: Principal, name: str, model_id: UUID, idle_minutes: int = 30, *, awake: bool = False
) -> Endpoint:
    """Of a model version. Raises Invalid, NotFound, Conflict."""
    principal.require("endpoints.manage")
    _refuse_idle(idle_minutes)
    model = _servable(principal, model_id)
    endpoint = _made(principal, name, model_version=model, idle_minutes=idle_minutes)
    audit.note(principal, "endpoint.create", endpoint.id, endpoint.name, model=str(model.id))
    return lifecycle.wake(endpoint.id) if awake else endpoint


def create_mixture(principal: Principal, name: str, layers: Layers, aggregator: str) -> Endpoint:
    """Of other endpoints, by their names. Raises Invalid, Conflict."""
    principal.require("endpoints.manage")
    agents = [*(agent for layer in layers for agent in layer), aggregator]
    if not layers or not all(layers):
        raise invalid(["layers"], "A layer has no agent.", "Name an endpoint in every layer.")
    known = Endpoint.objects.filter(
        organisation=principal.organisation, mixture__isnull=True, name__in=agents
    )
    missing = set(agents) - set(known.values_list("name", flat=True))
    if missing:
        told = ", ".join(sorted(missing))
        remedy = "Name endpoints of models; a mixture can't be part of another."
        raise invalid(["layers"], f"There is no endpoint of a model called {told}.", remedy)
    mixture = {"layers": [list(layer) for layer in layers], "aggregator": aggregator}
    endpoint = _made(principal, name, mixture=mixture, state=EndpointState.READY, idle_minutes=0)
    audit.note(principal, "endpoint.create", endpoint.id, endpoint.name, agents=sorted(set(agents)))
    return endpoint


def change(
    principal: Principal,
    endpoint_id: UUID,
    model_id: UUID | None = None,
    idle_minutes: int | None = None,
) -> Endpoint:
    """Another version behind the same name, or another patience. Raises Invalid, NotFound, Conflict."""
    principal.require("endpoints.manage")
    with transaction.atomic():
        get(principal, endpoint_id)
        endpoint = lifecycle.locked(endpoint_id)
        if endpoint.mixture is not None:
            raise Conflict("A mixture has neither model nor patience; make another one.")
        if idle_minutes is not None:
            _refuse_idle(idle_minutes)
            endpoint.idle_minutes = idle_minutes
        was_awake = endpoint.state in (EndpointState.WAKING, EndpointState.READY)
        if model_id is not None:
            endpoint.model_version = _servable(principal, model_id)
        endpoint.save(update_fields=["idle_minutes", "model_version"])
        if model_id is not None:
            endpoint = lifecycle.sleep(endpoint.id)
            endpoint = lifecycle.wake(endpoint.id) if was_awake else endpoint
        audit.note(
            principal,
            "endpoint.change",
            endpoint.id,
            endpoint.name,
            model=str(endpoint.model_version_id),
            idle_minutes=endpoint.idle_minutes,
        )
    return get(principal, endpoint_id)


def wake(principal: Principal, endpoint_id: UUID) -> Endpoint:
    """Who may use it may wake it: a request would do the same."""
    principal.require("endpoints.use")
    endpoint = get(principal, endpoint_id)
    if endpoint.mixture is None:
        lifecycle.wake(endpoint.id)
        audit.note(principal, "endpoint.wake", endpoint.id, endpoint.name)
    return get(principal, endpoint_id)


def sleep(principal: Principal, endpoint_id: UUID) -> Endpoint:
    principal.require("endpoints.manage")
    endpoint = get(principal, endpoint_id)
    if endpoint.mixture is None:
        lifecycle.sleep(endpoint.id)
        audit.note(principal, "endpoint.sleep", endpoint.id, endpoint.name)
    return get(principal, endpoint_id)


def delete(principal: Principal, endpoint_id: UUID) -> None:
    """Its server ends with the next round. Conflict while a mixture asks it."""
    principal.require("endpoints.manage")
    endpoint = get(principal, endpoint_id)
    for mixture in endpoints_of(principal).exclude(mixture__isnull=True):
        if endpoint.name in _agents(mixture.mixture):
            raise Conflict(f"The mixture {mixture.name!r} asks it. Delete that one first.")
    audit.note(principal, "endpoint.delete", endpoint.id, endpoint.name)
    endpoint.delete()


def serving(model: ModelVersion) -> Endpoint | None:
    """One of the endpoints that the model is behind."""
    return Endpoint.objects.filter(model_version=model).first()


def _made(principal: Principal, name: str, **facts: Any) -> Endpoint:
    given = name.strip()
    if not _NAME.fullmatch(given):
        remedy = "Use up to 63 small letters, digits, points, hyphens and underscores."
        raise invalid(["name"], f"{given!r} can't be the name of an endpoint.", remedy)
    if Endpoint.objects.filter(organisation=principal.organisation).count() >= MOST:
        raise Conflict(f"There are {MOST} endpoints already; delete one first.")
    try:
        with transaction.atomic():
            return Endpoint.objects.create(
                organisation=principal.organisation, created_by=principal.user, name=given, **facts
            )
    except IntegrityError as error:
        if "one_endpoint_of_a_name" not in str(error):
            raise
        remedy = "Choose another name, or change that endpoint."
        raise invalid(["name"], f"There is an endpoint {given!r} already.", remedy) from None


def _servable(principal: Principal, model_id: UUID) -> ModelVersion:
    model = versions.get(principal, model_id)
    if model.facts.get("adapter"):
        remedy = "Merge it into its base first (merge_method: linear, models: base+adapter)."
        raise invalid(["model_id"], f"{versions.label(model)} is an adapter alone.", remedy)
    if not model.facts.get("chat_template"):
        remedy = "Train it on conversations, or merge it with a tokenizer that has a chat template."
        raise invalid(["model_id"], f"{versions.label(model)} has no chat template.", remedy)
    return model


def _refuse_idle(minutes: int) -> None:
    if not 0 <= minutes <= LONGEST_IDLE:
        remedy = f"Use 1 to {LONGEST_IDLE:,}, or 0 to keep it awake."
        raise invalid(["idle_minutes"], f"{minutes} minutes can't be waited for.", remedy)


def _agents(mixture: dict[str, Any] | None) -> set[str]:
    if mixture is None:
        return set()
    return {*(name for layer in mixture["layers"] for name in layer), mixture["aggregator"]}
