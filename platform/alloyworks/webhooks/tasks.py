"""What Celery runs: a round that sends what is due. A hint to do so now may be lost."""

from django.core.cache import cache
from django.db import transaction

from alloyworks.celery import app
from alloyworks.jobs.tasks import send

_BUSY = "webhooks:sending"
_SECONDS = 40  # a batch takes half of it: so soon another round begins where a worker was killed


@app.task(expires=10)  # type: ignore[untyped-decorator]
def send_due() -> None:
    """One round at a time: slow receivers never take more than one of the worker's processes."""
    from alloyworks.webhooks import rounds

    if not cache.add(_BUSY, 1, timeout=_SECONDS):
        return
    try:
        rounds.send_due(goes_on=lambda: cache.touch(_BUSY, _SECONDS))
    finally:
        cache.delete(_BUSY)


def hint() -> None:
    """After the commit, asks the worker for a round."""
    transaction.on_commit(lambda: send(send_due))
