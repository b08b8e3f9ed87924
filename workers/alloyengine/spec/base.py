"""What every spec model shares, and how specs refer to models and datasets."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Spec(BaseModel):
    """Closed and frozen: an unknown key is an error, a validated spec never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Reference = Annotated[str, Field(min_length=1, max_length=1024)]
"""Names an input. On a platform: the id of a model version or dataset, or `job:<id>` for the
model that another job will make. On a laptop: a path."""

InputKind = Literal["model", "dataset"]


def broken_rule(field: str, msg: str, remedy: str) -> PydanticCustomError:
    """For validators to raise: a rule between fields, the field to blame, and what to do."""
    return PydanticCustomError("rule", msg, {"field": field, "remedy": remedy})


def by_method(value: Any) -> Any:
    """`sft` is short for {method: sft}."""
    return {"method": value} if isinstance(value, str) else value


class InputRef(Spec):
    """One input of a job: where in the spec it is named, and what it names."""

    loc: tuple[str | int, ...]
    kind: InputKind
    reference: Reference
