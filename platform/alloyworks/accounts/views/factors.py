"""What allauth's pages of second factors do not ask: may this one go?"""

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import remove_webauthn
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from alloyworks.accounts import factors as rules
from alloyworks.errors import Conflict


@login_required
def remove_passkey(request: HttpRequest, pk: int) -> HttpResponseBase:
    found = Authenticator.objects.filter(user=request.user, pk=pk).first()
    try:
        if found is not None:
            rules.refuse_to_drop(found)
    except Conflict as problem:
        messages.error(request, problem.detail)
        return redirect("mfa_index")
    answer: HttpResponseBase = remove_webauthn(request, pk=pk)
    return answer
