"""The web process: `uvicorn alloyworks.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alloyworks.settings")
application = get_asgi_application()
