"""When a job runs, and how long: not of its spec, but of its submission."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from alloyworks.config import config
from alloyworks.errors import FieldError, Invalid
from alloyworks.jobs.submission import HIGHEST
from alloyworks.web.forms.base import trimmed
from alloyworks.web.forms.fields import Faults, Field

PLACES = ["max_hours", "priority"]


@dataclass(frozen=True)
class Running:
    """As it was typed; left blank, the deployment's own."""

    max_hours: str = ""
    priority: str = ""

    @classmethod
    def posted(cls, post: QueryDict) -> "Running":
        return cls(**trimmed(post, PLACES))

    def arguments(self) -> dict[str, Any]:
        """For `submission.submit`. Invalid where something is no number."""
        errors = []
        found: dict[str, Any] = {}
        for name, kind, words in (
            ("max_hours", float, "a number of hours, such as 12 or 0.5"),
            ("priority", int, f"a whole number from -{HIGHEST} to {HIGHEST}"),
        ):
            if text := getattr(self, name):
                try:
                    found[name] = kind(text)
                except ValueError:
                    errors.append(
                        FieldError([name], f"{text[:40]!r} is no number.", f"Give {words}.")
                    )
        if errors:
            raise Invalid("Some numbers can't be read.", errors)
        return found

    def drawn(self, faults: Faults) -> dict[str, Any]:
        fields = [
            Field(
                "max_hours",
                "Time limit",
                self.max_hours,
                "All its attempts together; then it leaves a checkpoint and stops.",
                "hours",
                f"{config.job_hours:g}",
                errors=faults.at("max_hours"),
            ),
            Field(
                "priority",
                "Priority",
                self.priority,
                f"Of your organisation's waiting jobs a higher one goes first: -{HIGHEST} to {HIGHEST}.",
                placeholder="0",
                errors=faults.at("priority"),
            ),
        ]
        touched = self != Running() or any(field.errors for field in fields)
        return {"fields": fields, "open": touched}
