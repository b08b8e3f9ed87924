"""Every address of the deployment, except those of `health.Probes`."""

from django.urls import include, path, re_path

from alloyworks.api.app import api
from alloyworks.api.problems import unknown
from alloyworks.jobs.runner_api import runner_api
from alloyworks.serving.server_api import server_api

handler429 = "alloyworks.accounts.limits.too_many"
urlpatterns = [
    path("api/v1/", api.urls),
    re_path(r"^api/", unknown),
    path("runner/v1/", runner_api.urls),
    path("serving/v1/", server_api.urls),
    path("accounts/", include("alloyworks.accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/sso/", include("allauth.socialaccount.urls")),
    path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("", include("alloyworks.webhooks.urls")),
    path("", include("alloyworks.web.urls")),
]
