"""Problems: what the API, the pages and the command line say when something can't be done.

    Problem
    ├── BadRequest        400  the request can't be read
    ├── Unauthenticated   401  nobody is signed in
    ├── Forbidden         403  the role does not allow it
    ├── NotFound          404  no such object, or it is another organisation's
    ├── Conflict          409  the state does not allow it now
    ├── TooLarge          413  more bytes than allowed
    ├── Invalid           422  a field is wrong
    └── TooMany           429  a quota or rate is used up

The shape is RFC 9457 (problem details) plus `errors: [{loc, msg, remedy}]`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """One fault: where, what, and what to do about it."""

    loc: Sequence[str | int]
    msg: str
    remedy: str = ""


@dataclass
class Problem(Exception):
    """Raised by business rules; rendered at the edge."""

    detail: str
    errors: list[FieldError] = field(default_factory=list)
    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def headers(self) -> dict[str, str]:
        """What the answer says in headers as well."""
        return {}

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer (application/problem+json)."""
        return {
            "type": f"/problems/{self.type}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [asdict(error) | {"loc": list(error.loc)} for error in self.errors],
        }


class BadRequest(Problem):
    status, type, title = 400, "bad-request", "The request can't be read"


class Unauthenticated(Problem):
    status, type, title = 401, "unauthenticated", "Sign in first"


class Forbidden(Problem):
    status, type, title = 403, "forbidden", "Your role does not allow this"


class NotFound(Problem):
    status, type, title = 404, "not-found", "There is no such thing"


class Conflict(Problem):
    status, type, title = 409, "conflict", "Not possible in the present state"


class TooLarge(Problem):
    status, type, title = 413, "too-large", "Too large"


class Invalid(Problem):
    status, type, title = 422, "invalid", "Some fields are wrong"


@dataclass
class TooMany(Problem):
    """`retry_after`: seconds, where waiting helps."""

    retry_after: int | None = None
    status, type, title = 429, "too-many", "A limit is reached"

    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def invalid(loc: Sequence[str | int], msg: str, remedy: str = "") -> Invalid:
    """A problem with one wrong field."""
    return Invalid(msg, [FieldError(loc, msg, remedy)])
