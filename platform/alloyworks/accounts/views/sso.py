"""The way to the provider of single sign-on, and a password for who came by it."""

import logging

from allauth.account.views import password_set
from allauth.socialaccount.providers.openid_connect.views import login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from requests import RequestException

from alloyworks.accounts import fresh

_logger = logging.getLogger(__name__)


@login_required
def set_password(request: HttpRequest) -> HttpResponseBase:
    """allauth's, by somebody who is there: a password outlives the session."""
    fresh.require(request)
    answer: HttpResponseBase = password_set(request)
    return answer


def start(request: HttpRequest) -> HttpResponseBase:
    """allauth's, and a page instead of a crash when the provider does not tell its addresses."""
    try:
        answer: HttpResponseBase = login(request, "sso")
    except (RequestException, KeyError, ValueError) as fault:
        _logger.warning("The provider of single sign-on gives no usable answer: %s", fault)
        return render(request, "socialaccount/authentication_error.html", status=502)
    return answer
