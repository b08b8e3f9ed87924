"""`/healthz`: whether this process can do its work."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse

from alloyworks import deployment


def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers; anything else takes the process out of service."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    headers = {deployment.HEADER: deployment.name(settings.SECRET_KEY)}
    return HttpResponse("ok\n", content_type="text/plain", headers=headers)
