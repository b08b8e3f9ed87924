"""Who may do what: one table, used by the API, the pages and the tests alike."""

from typing import Literal, get_args

from alloyworks.accounts.models import Role

Action = Literal[
    "organisation.view",
    "organisation.edit",
    "members.view",
    "members.manage",
    "keys.manage",
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
]

_VIEWER: frozenset[Action] = frozenset(
    {"organisation.view", "members.view", "datasets.view", "models.view", "jobs.view"}
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
}
ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _MEMBER | {"members.manage", "organisation.edit"},
    Role.OWNER: frozenset(get_args(Action)),
}

RANK = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


def weaker(one: Role, other: Role) -> Role:
    return min(one, other, key=RANK.index)


def roles_up_to(role: Role) -> list[Role]:
    """What somebody of this role may give to others: nothing above their own."""
    return RANK[: RANK.index(role) + 1]
