"""A merge by way of the disk: fetch everything, merge, upload everything. Started by bench/remote.py."""

import os
import shutil
from pathlib import Path
from threading import Event

from alloyengine.execute import execute
from alloyengine.report import Silent
from alloyengine.runner.client import Platform
from alloyengine.runner.fetch import fetch
from alloyengine.runner.heart import Heart
from alloyengine.runner.upload import upload
from alloyengine.spec.protocol import Finish


def main() -> None:
    scratch = Path(os.environ["ALLOY_RUNNER_SCRATCH"])
    token = Path(os.environ["ALLOY_RUNNER_TOKEN_FILE"]).read_text()
    platform = Platform(os.environ["ALLOY_RUNNER_URL"], token)
    assignment = platform.assignment()
    heart = Heart(platform, leaving=Event())
    places = fetch(assignment.inputs, scratch / "inputs", heart, leave_weights=False)
    folders = {reference: place.folder for reference, place in places.items()}
    result = execute(assignment.spec, folders, scratch / "out", Silent())
    platform.finish(Finish(result=result, files=upload(scratch / "out", platform, heart)))
    platform.close()
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
