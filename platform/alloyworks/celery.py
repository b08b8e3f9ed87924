"""The queue: `celery -A alloyworks.celery worker|beat`. Messages are hints, rows the truth."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alloyworks.settings")

from celery import Celery  # after the settings are named

from alloyworks.config import config

app = Celery("alloyworks", broker=config.broker_url)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_serializer="json",
    accept_content=["json"],
    task_time_limit=300,
    task_soft_time_limit=240,
    broker_connection_retry_on_startup=True,
    # Whoever sends a hint does not wait for a broker that is away: the reconciler will see the row.
    broker_transport_options={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
    },
    worker_prefetch_multiplier=1,
    beat_sync_every=1,  # beat writes its schedule at every tick: that is its health check
    beat_scheduler="alloyworks.jobs.beat:Scheduler",
    beat_schedule={
        "reconcile": {"task": "alloyworks.jobs.tasks.reconcile", "schedule": 3.0},
        "endpoints": {"task": "alloyworks.serving.tasks.look", "schedule": 2.0},
        "tidy": {"task": "alloyworks.jobs.tasks.tidy", "schedule": 600.0},
        "messages": {"task": "alloyworks.webhooks.tasks.send_due", "schedule": 5.0},
    },
)
app.autodiscover_tasks(
    ["alloyworks.jobs", "alloyworks.serving", "alloyworks.webhooks", "alloyworks.observability"]
)
