"""Real questions to each server; every check raises when the answer is not right."""

import time
import urllib.request
from pathlib import Path

from alloyworks import deployment


def database(url: str) -> None:
    import psycopg

    with psycopg.connect(url, connect_timeout=2) as connection:
        connection.execute("SELECT 1").fetchone()


def broker(url: str) -> None:
    import redis

    with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()


def objects(endpoint: str, access: str, secret: str) -> None:
    import boto3
    from botocore.config import Config

    once = Config(connect_timeout=2, read_timeout=2, retries={"max_attempts": 0})
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=once,
    )
    client.list_buckets()


def page(url: str, secret_key: str) -> None:
    """Also whether it is ours: another stack may have taken the port while this one started."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own address
        answer.read()
        if answer.headers.get(deployment.HEADER) != deployment.name(secret_key):
            raise RuntimeError(f"another program answers at {url}")


def worker(broker_url: str) -> None:
    from celery import Celery

    # A broker that hangs must not hold up whoever keeps all the others alive.
    patience = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
    # A connection of its own: the pool would hand out one to a broker that is gone.
    with (
        Celery(broker=broker_url, set_as_current=False, broker_transport_options=patience) as app,
        app.connection_for_write() as connection,
    ):
        if not app.control.ping(timeout=1.5, limit=1, connection=connection):
            raise RuntimeError("no worker answers")


def fresh(path: Path, seconds: float) -> None:
    """The file, or one that a database library made of its name, was written lately."""
    written = [file.stat().st_mtime for file in path.parent.glob(f"{path.name}*")]
    age = time.time() - max(written, default=0.0)
    if age > seconds:
        raise RuntimeError(f"{path.name} was last written {age:.0f} s ago")
