"""Makes a command of this machine one of the deployment's: Django, with the operator's settings."""

import os
from pathlib import Path

import django

from alloyworks.embedded import stack
from alloyworks.embedded.state import state_dir

GIVEN = "ALLOY_DATABASE_URL"  # set: the settings are the operator's, not a stack's


def set_up(state: Path | None, log_format: str = "console") -> None:
    """Django with the operator's settings, or those of the embedded stack; logs are for people,
    unless said otherwise."""
    if state is not None or GIVEN not in os.environ:
        os.environ |= stack.environment(state_dir(state))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alloyworks.settings")
    os.environ["ALLOY_LOG_FORMAT"] = log_format
    django.setup()
