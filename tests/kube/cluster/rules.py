"""What an API server refuses: the published schema, and rules that the schema can't say."""

import re
from typing import Any

import kubernetes_validate

VERSIONS = ("1.32", "1.33", "1.34")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class Invalid(Exception):
    """422"""


def check(body: dict[str, Any], version: str = VERSIONS[-1]) -> None:
    """Raises Invalid."""
    try:
        kubernetes_validate.validate(body, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise Invalid(f"{'.'.join(map(str, error.path))}: {error.message}") from None
    name = body["metadata"]["name"]
    if len(name) > 63 or not _LABEL.fullmatch(name):
        raise Invalid(f"metadata.name: {name!r} is no DNS label")
    if body["kind"] == "Job":
        _check_job(body["spec"])


def _check_job(spec: dict[str, Any]) -> None:
    pod = spec["template"]["spec"]
    if "podFailurePolicy" in spec and pod.get("restartPolicy") != "Never":
        raise Invalid("spec.podFailurePolicy: only with restartPolicy Never")
    names = {container["name"] for container in pod["containers"]}
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        codes = rule.get("onExitCodes")
        if codes is None:
            continue
        if codes["values"] != sorted(set(codes["values"])):
            raise Invalid("spec.podFailurePolicy: exit codes must be ordered, each once")
        if codes["operator"] == "In" and 0 in codes["values"]:
            raise Invalid("spec.podFailurePolicy: 0 is no failure")
        if codes["containerName"] not in names:
            raise Invalid("spec.podFailurePolicy: no such container")
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container in pod["containers"]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                raise Invalid(f"no volume {mount['name']!r}")
        asked, most = container["resources"]["requests"], container["resources"]["limits"]
        for name in asked:
            if "/" in name and asked[name] != most.get(name):
                raise Invalid(f"{name}: requests and limits must be equal")
