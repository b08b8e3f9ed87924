"""The controller that `bench kube` measures: it says on its output what it would tell a platform.

python -m bench.kube_controller KUBECONFIG
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from alloyengine.spec.protocol import Failure
from alloykube.api import Api
from alloykube.controller import Controller
from alloykube.names import Runner


class Teller:
    def waits(self, runner: Runner, code: str, words: str) -> bool:
        say("waits", runner.name, code)
        return True

    def lost(self, runner: Runner, failure: Failure) -> bool:
        say("lost", runner.name, time.time())
        return True


def say(*words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def weigh() -> None:
    process = psutil.Process()
    while True:
        time.sleep(0.5)
        say("MB", process.memory_info().rss // 10**6)


if __name__ == "__main__":
    from tests.kube.cast import DEPLOYMENT

    threading.Thread(target=weigh, daemon=True).start()
    api = Api.connect("alloyworks", Path(sys.argv[1]))
    Controller(api, DEPLOYMENT, Teller()).run(threading.Event())
