"""The web application, for `alloyworks.serve` or another ASGI server."""

import gc
import os
from collections.abc import Awaitable

from django.core.asgi import get_asgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alloyworks.settings")
streams = get_asgi_application()

from alloyworks.api.bodies import BoundedBodies  # needs the settings
from alloyworks.config import config
from alloyworks.jobs import pulse
from alloyworks.overload import Overload
from alloyworks.serving.gateway import Gateway
from alloyworks.threads import InOneThread
from alloyworks.wire import Receive, Scope, Send

PROBES = 4  # threads for those, which are answered however many requests there are
pages = InOneThread(config.max_requests + PROBES)


def django(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """What is sent piece by piece ends when its reader goes, which Django's own handler sees to."""
    path = str(scope.get("path"))
    in_pieces = path.startswith("/static/") or path.endswith(("/stream", "/export"))
    handler = streams if in_pieces else pages
    return handler(scope, receive, send)


pulse.keep_beating(pulse.WEB)
application = Overload(Gateway(BoundedBodies(django)))

# All that is loaded by now stays. Without this the collector would go through it again with every full
# round, and meanwhile no request of this process would move: for a tenth of a second and more.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
