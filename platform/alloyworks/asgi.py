"""The web process: `uvicorn alloyworks.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alloyworks.settings")
django = get_asgi_application()

from alloyworks.api.bodies import BoundedBodies  # needs the settings
from alloyworks.jobs import pulse

pulse.keep_beating(pulse.WEB)
application = BoundedBodies(django)
