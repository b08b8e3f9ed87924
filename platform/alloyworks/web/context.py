"""What every page's frame needs."""

from typing import Any

from django.http import HttpRequest

from alloyworks.accounts.members import organisations_of
from alloyworks.accounts.principal import Principal
from alloyworks.config import config

SECTIONS = (
    ("Jobs", "/jobs/"),
    ("Models", "/models/"),
    ("Endpoints", "/endpoints/"),
    ("Datasets", "/datasets/"),
    ("Compare", "/compare/"),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    principal: Principal | None = getattr(request, "principal", None)
    return {
        "principal": principal,
        "memberships": organisations_of(principal) if principal else [],  # read when shown
        "sections": [
            {"label": label, "url": url, "current": request.path.startswith(url)}
            for label, url in SECTIONS
        ],
        "sees_audit": principal is not None and principal.may("audit.view"),
        "edits_organisation": principal is not None and principal.may("organisation.edit"),
        "single_sign_on": config.oidc_name if config.oidc_issuer else "",
        "manages_webhooks": bool(principal and principal.may("webhooks.manage")),
        "email_dir": config.email_dir,
    }
