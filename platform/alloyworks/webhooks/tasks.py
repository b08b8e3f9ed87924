"""What Celery runs: a round that sends what is due. A hint to do so now may be lost."""

from django.core.cache import cache
from django.db import transaction

from alloyworks.celery import app, hint_at

_BUSY = "webhooks:sending"


@app.task(expires=10)  # type: ignore[untyped-decorator]
def send_due() -> None:
    """One round at a time: slow receivers never take more than one of the worker's processes."""
    from alloyworks.webhooks.rounds import send_due as send

    if not cache.add(_BUSY, 1, timeout=120):
        return
    try:
        send()
    finally:
        cache.delete(_BUSY)


def hint() -> None:
    """After the commit, asks the worker for a round."""
    transaction.on_commit(lambda: hint_at(send_due))
