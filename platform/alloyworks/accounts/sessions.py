"""Where a person is signed in: seen, and ended."""

from allauth.usersessions.models import UserSession
from django.http import HttpRequest

from alloyworks.accounts import audit
from alloyworks.accounts.models import User
from alloyworks.errors import NotFound


def sessions_of(user: User) -> list[UserSession]:
    """The living ones, last used first; what ended otherwise is swept from the list."""
    living = UserSession.objects.purge_and_list(user)
    return sorted(living, key=lambda session: session.last_seen_at, reverse=True)


def end(request: HttpRequest, user: User, session_id: int) -> None:
    session = UserSession.objects.filter(user=user, id=session_id).first()
    if session is None:
        raise NotFound("This session has ended already.")
    session.end()
    audit.note_person(user, "person.sessions_end", audit.address_of(request), count=1)


def end_all(request: HttpRequest, user: User) -> None:
    """The one that asks too."""
    found = list(UserSession.objects.filter(user=user))
    for session in found:
        session.end()
    audit.note_person(user, "person.sessions_end", audit.address_of(request), count=len(found))
    request.session.flush()


def device(user_agent: str) -> str:
    """Roughly: `Firefox on Linux`. What is not known is shown as it said itself."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if browser and system else user_agent or "unknown"


# The first that matches: Edge and Opera call themselves Chrome too, and Chrome Safari.
BROWSERS = [("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome")]
BROWSERS += [("CriOS/", "Chrome"), ("FxiOS/", "Firefox"), ("Safari/", "Safari")]
SYSTEMS = [("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")]
SYSTEMS += [("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")]
