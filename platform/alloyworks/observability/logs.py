"""Logs: one JSON object a line on standard error, or words for people (ALLOY_LOG_FORMAT).

    {"event": "…", "level": "info", "logger": "…", "timestamp": "…", "request_id": "…",
     "organisation_id": "…", "job_id": "…", …}

Ids are bound where they become known (`bind`, `bound`) and stand in every line until then ends.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, merge_contextvars

from alloyworks.config import config
from alloyworks.observability.redaction import Redactor, secrets_of

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# What makes a line of a record, whoever wrote it.
_SHARED: list[Any] = [
    merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_WITH_HANDLERS = ("django", "django.server", "uvicorn", "uvicorn.error")
# A line for every tick would bury the others; of requests our own line says more, and no path.
_CHATTY = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "uvicorn.access")
_redact = Redactor(secrets_of(config))


class Formatter(structlog.stdlib.ProcessorFormatter):
    """The finished line passes the redactor: tracebacks and others' words, too."""

    def format(self, record: logging.LogRecord) -> str:
        return _redact(super().format(record))


def configuration(form: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`, after `structlog` was told the same."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    ours = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": Formatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_rendering(form),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            **dict.fromkeys(_WITH_HANDLERS, ours),
            **{name: {"level": "WARNING"} for name in _CHATTY},
        },
    }


def bind(**ids: object) -> None:
    """Until the request or task ends, lines tell these."""
    bind_contextvars(**{name: str(value) for name, value in ids.items()})


def bound(**ids: object) -> AbstractContextManager[None]:
    """As long as the block lasts, lines tell these."""
    return bound_contextvars(**{name: str(value) for name, value in ids.items()})


def tells_ids(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Lines that the function writes tell those of its arguments whose names end in `_id`."""
    shape = signature(function)

    @wraps(function)
    def telling(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        given = shape.bind(*args, **kwargs).arguments
        with bound(**{name: value for name, value in given.items() if name.endswith("_id")}):
            return function(*args, **kwargs)

    return telling


def _rendering(form: str) -> list[Any]:
    if form == "console":
        return [structlog.dev.ConsoleRenderer(colors=False)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
