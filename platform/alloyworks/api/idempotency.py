"""`Idempotency-Key`: the same POST, sent again, is answered again and not done again.

The answer is written in the transaction that did the work, so that there is never one without
the other. An error rolls both back: the same key may then be used for the corrected request.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.core.exceptions import RequestDataTooBig
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from alloyworks.accounts.models import IdempotencyKey
from alloyworks.accounts.principal import Principal
from alloyworks.api.problems import TOO_BIG, render
from alloyworks.errors import Conflict, Invalid, Problem, invalid

KEPT = timedelta(hours=24)
LENGTH = 200
View = Callable[[HttpRequest], HttpResponseBase]


class Idempotency:
    """Stands inside the tenant's scope; requests of nobody and without a key pass."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        principal: Principal | None = getattr(request, "principal", None)
        key = request.headers.get("Idempotency-Key")
        concerns_us = request.method == "POST" and request.path.startswith("/api/")
        if not concerns_us or principal is None or key is None:
            return self.get_response(request)
        try:
            return once(principal, key, request, self.get_response)
        except Problem as problem:
            return render(problem)
        except RequestDataTooBig:
            return render(TOO_BIG)


def once(principal: Principal, key: str, request: HttpRequest, view: View) -> HttpResponseBase:
    """The view's answer, or the one that it gave before."""
    if not 1 <= len(key) <= LENGTH:
        remedy = f"Use 1 to {LENGTH} characters, such as a random UUID."
        raise invalid(["Idempotency-Key"], f"The key has {len(key)} characters.", remedy)
    asked = fingerprint(request)
    _refuse_second_at_once(principal, key)
    fresh = IdempotencyKey.objects.filter(created_at__gt=timezone.now() - KEPT)
    before = fresh.filter(created_by=principal.user, key=key).first()
    if before is not None:
        return _again(before, asked)
    response = view(request)
    if response.status_code < 400:
        _remember(principal, key, asked, response)
    return response


def fingerprint(request: HttpRequest) -> str:
    """Of uploads, which are streams and may be large, the size stands for the content."""
    upload = (request.content_type or "").startswith("multipart/")
    content = request.headers.get("Content-Length", "").encode() if upload else request.body
    parts = [request.method or "", request.get_full_path(), request.content_type or ""]
    return hashlib.sha256("\0".join(parts).encode() + b"\0" + content).hexdigest()


def _again(before: IdempotencyKey, asked: str) -> HttpResponse:
    if before.fingerprint != asked:
        raise Invalid("This Idempotency-Key was used for another request; choose a new one.")
    if before.body is None:
        raise Conflict("Done before; its answer held a secret, which is shown only once.")
    answer = HttpResponse(before.body, status=before.status, content_type="application/json")
    answer["Idempotent-Replayed"] = "true"
    return answer


def _refuse_second_at_once(principal: Principal, key: str) -> None:
    """The lock is held until the transaction ends, however it ends."""
    name = f"{principal.organisation.id}:{principal.user.id}:{key}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            raise Conflict("A request with this Idempotency-Key is being done; try again soon.")


def _remember(principal: Principal, key: str, asked: str, response: HttpResponseBase) -> None:
    stale = IdempotencyKey.objects.filter(created_at__lte=timezone.now() - KEPT)
    stale.filter(organisation=principal.organisation).delete()
    secret = "no-store" in response.headers.get("Cache-Control", "")
    content = response.content if isinstance(response, HttpResponse) else b""
    IdempotencyKey.objects.create(
        organisation=principal.organisation,
        created_by=principal.user,
        key=key,
        fingerprint=asked,
        status=response.status_code,
        body=None if secret else content.decode(),
    )
