"""What Celery runs: short looks at endpoints. A lost message loses nothing."""

from django.core.cache import cache as shared

from alloyworks.celery import app

_BUSY = "serving:rounds"


@app.task(expires=10)  # type: ignore[untyped-decorator]
def look() -> None:
    """One round at a time is enough."""
    from alloyworks.serving.rounds import look_at_all

    if not shared.add(_BUSY, 1, timeout=60):
        return
    try:
        look_at_all()
    finally:
        shared.delete(_BUSY)
