"""The front door: what the product is, or, for members, what goes on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from alloyworks.accounts.principal import Principal
from alloyworks.web import dashboard, illustration


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    principal: Principal | None = getattr(request, "principal", None)
    if principal is not None:
        return render(request, "home/dashboard.html", dashboard.context_of(principal))
    if refusal := getattr(request, "refusal", None):
        raise refusal
    if request.user.is_authenticated:
        return render(request, "home/nowhere.html")
    return render(request, "home/landing.html", {"scan": illustration.scan()})
