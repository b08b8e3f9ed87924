"""The way to the provider of single sign-on, which may be away."""

import logging

from allauth.socialaccount.providers.openid_connect.views import login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from requests import RequestException

_logger = logging.getLogger(__name__)


def start(request: HttpRequest) -> HttpResponseBase:
    """allauth's, and a page instead of a crash when the provider does not tell its addresses."""
    try:
        answer: HttpResponseBase = login(request, "sso")
    except (RequestException, KeyError, ValueError) as fault:
        _logger.warning("The provider of single sign-on gives no usable answer: %s", fault)
        return render(request, "socialaccount/authentication_error.html", status=502)
    return answer
