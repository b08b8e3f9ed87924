"""The web application, for `alloyworks.serve` or another ASGI server."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alloyworks.settings")
django = get_asgi_application()

from alloyworks.api.bodies import BoundedBodies  # needs the settings
from alloyworks.jobs import pulse
from alloyworks.overload import Overload
from alloyworks.serving.gateway import Gateway

pulse.keep_beating(pulse.WEB)
application = Overload(Gateway(BoundedBodies(django)))
