"""Who may do what: one table, used by the API, the pages and the tests alike."""

from collections.abc import Iterable
from typing import Literal, get_args

from alloyworks.accounts.models import Role

Action = Literal[
    "organisation.view",
    "organisation.edit",
    "organisation.secure",
    "members.view",
    "members.manage",
    "keys.manage",
    "audit.view",
    "datasets.view",
    "datasets.create",
    "datasets.download",
    "datasets.delete",
    "models.view",
    "models.download",
    "models.delete",
    "jobs.view",
    "jobs.submit",
    "jobs.cancel",
    "endpoints.view",
    "endpoints.use",
    "endpoints.manage",
    "usage.view",
    "webhooks.manage",
]

_VIEWER: frozenset[Action] = frozenset(
    {
        "organisation.view",
        "members.view",
        "datasets.view",
        "models.view",
        "jobs.view",
        "endpoints.view",
        "usage.view",
    }
)
_MEMBER: frozenset[Action] = _VIEWER | {
    "keys.manage",
    "datasets.create",
    "datasets.download",
    "datasets.delete",
    "models.download",
    "models.delete",
    "jobs.submit",
    "jobs.cancel",
    "endpoints.use",
    "endpoints.manage",
}
ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _MEMBER | {"members.manage", "organisation.edit", "audit.view", "webhooks.manage"},
    Role.OWNER: frozenset(get_args(Action)),
}

Scope = Literal["read", "data", "jobs", "serve", "people", "all"]
_READ: frozenset[Action] = _VIEWER | {"datasets.download", "models.download"}
SCOPES: dict[Scope, frozenset[Action]] = {
    "read": _READ,
    "data": _READ | {"datasets.create", "datasets.delete", "models.delete"},
    "jobs": _READ | {"jobs.submit", "jobs.cancel", "endpoints.use", "endpoints.manage"},
    "serve": frozenset({"endpoints.view", "endpoints.use"}),  # for what is shipped to users
    "people": _READ
    | {
        *("members.manage", "keys.manage", "organisation.edit", "audit.view", "webhooks.manage"),
    },
    "all": frozenset(get_args(Action)),
}
"""What an API key may be narrowed to; it never does more than its role, nor than its maker's."""


def allowed(role: Role, scopes: Iterable[str] = ("all",)) -> frozenset[Action]:
    """What a role may do through a key of these scopes. An unknown scope opens nothing."""
    opened = (actions for scope, actions in SCOPES.items() if scope in scopes)
    return ALLOWED[role] & frozenset().union(*opened)


RANK = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


def weaker(one: Role, other: Role) -> Role:
    return min(one, other, key=RANK.index)


def roles_up_to(role: Role) -> list[Role]:
    """What somebody of this role may give to others: nothing above their own."""
    return RANK[: RANK.index(role) + 1]
