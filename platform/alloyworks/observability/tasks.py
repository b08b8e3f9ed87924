"""The queue's part: ids in the lines of tasks, and the worker's own /metrics."""

import logging.config
from inspect import signature
from typing import Any

from celery import signals
from structlog.contextvars import clear_contextvars

from alloyworks.config import config
from alloyworks.observability import logs


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def log_as_the_web_process_does(**_: Any) -> None:
    """Celery then leaves logging alone."""
    logging.config.dictConfig(logs.configuration(config.log_format))


@signals.task_prerun.connect  # type: ignore[untyped-decorator]
def bind_ids(task_id: str, task: Any, args: list[Any], kwargs: dict[str, Any], **_: Any) -> None:
    clear_contextvars()
    given = signature(task.run).bind_partial(*args, **kwargs).arguments
    ids = {name: value for name, value in given.items() if name.endswith("_id")}
    logs.bind(task=task.name, task_id=task_id, **ids)


@signals.task_postrun.connect  # type: ignore[untyped-decorator]
def forget_ids(**_: Any) -> None:
    clear_contextvars()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def serve_metrics(**_: Any) -> None:
    """Where ALLOY_WORKER_METRICS_PORT says; on one machine the web process tells them, too."""
    if config.worker_metrics_port:
        from alloyworks.observability.exposition import serve_beside

        serve_beside(config.worker_metrics_port)
