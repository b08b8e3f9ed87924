"""What the access matrix needs: things of one organisation to reach for, and who reaches."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.test import Client
from django.utils import timezone

from alloyworks.accounts import invitations, keys
from alloyworks.accounts.models import Role
from alloyworks.api.app import api
from alloyworks.jobs.models import Event
from tests.platform import nobodys
from tests.platform.attempts import new_job
from tests.platform.world import World

CANARY = "canary-7f3a"
PATH = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Operation:
    method: str
    path: str  # with {names}

    @property
    def names(self) -> list[str]:
        return PATH.findall(self.path)

    def at(self, ids: dict[str, str]) -> str:
        return PATH.sub(lambda found: ids[found[1]], self.path)


def operations() -> list[Operation]:
    """Every one that the OpenAPI document knows."""
    paths = api.get_openapi_schema()["paths"]
    return [Operation(m.upper(), path) for path, item in paths.items() for m in item]


@dataclass
class Treasure:
    """Things of Acme, whose names hold the canary, by the names that paths give their ids."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owner = self.world.owner
        with self.world.scope():
            dataset = self.world.dataset("chat", name=f"{CANARY} data", stats={"rows": 12})
            model = self.world.model(name=f"{CANARY} model")
            job = new_job(
                owner, self.world.train(), name=f"{CANARY} job", reports={"snr": {"note": CANARY}}
            )
            Event.objects.create(
                organisation=owner.organisation,
                job=job,
                attempt_number=1,
                at=timezone.now(),
                type="log",
                seq=1,
                data={"level": "info", "message": CANARY},
            )
            invitation = invitations.invite(owner, f"{CANARY}@acme.example", Role.MEMBER)
            key, _ = keys.create(owner, f"{CANARY} key", Role.VIEWER)
            org = owner.organisation
            webhook = org.endpoint_set.create(url=f"https://example.org/{CANARY}", events=[])
            delivery = org.delivery_set.create(endpoint=webhook, job=job, event="test", body="{}")
            endpoint = org.model_endpoints.create(name=f"{CANARY}-endpoint", model_version=model)
        found = {
            "dataset_id": dataset,
            "model_id": model,
            "job_id": job,
            "key_id": key,
            "invitation_id": invitation,
            "webhook_id": webhook,
            "endpoint_id": endpoint,
            "delivery_id": delivery,
        }
        self.ids = {name: str(row.id) for name, row in found.items()}
        self.ids |= {"name": "snr", "kind": "train", "path": "train.jsonl", "place": "0"}

    def missing(self) -> dict[str, str]:
        """The same names, with ids that are nothing's."""
        return {name: nobodys.ID if _is_id(value) else value for name, value in self.ids.items()}


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(client: Client, operation: Operation, path: str, body: bytes, kind: str) -> Any:
    with undone():
        if operation.method == "GET":
            return client.get(path)
        return client.generic(operation.method, path, body, kind)


def read(answer: Any) -> str:
    """What somebody is told; the streams of jobs end by themselves or are cut off."""
    if answer.streaming:
        return str(answer.status_code)
    return str(answer.content.decode())


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
