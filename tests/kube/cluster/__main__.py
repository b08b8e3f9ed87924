"""`python -m tests.kube.cluster FOLDER`: a cluster on this machine that really runs its pods, until Ctrl-C.

Whatever speaks to a cluster can use its kubeconfig:

    ALLOY_EXECUTOR=kubernetes ALLOY_KUBE_IMAGE_CPU=engine:1 ALLOY_KUBE_CONFIG=FOLDER/kubeconfig ./alloy demo
"""

import signal
import sys
from pathlib import Path
from threading import Event

from tests.kube.cluster.whole import Cluster


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    over = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    cluster = Cluster(folder, plan="run")
    print(cluster.kubeconfig, flush=True)  # noqa: T201  # a command
    over.wait()
    cluster.stop()
    print(dict(cluster.script.calls))  # noqa: T201


if __name__ == "__main__":
    main()
