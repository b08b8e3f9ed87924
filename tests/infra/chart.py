"""The chart as its tests see it: rendered by Helm's own engine, as objects."""

from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "infra/helm/alloyworks"
NAMESPACE = "tenant"
RELEASE = "alloyworks"
PROFILES = ("values", "values-trial", "values-airgapped", "values-aws")
WITH_TOKEN = ("alloyworks-worker", "alloyworks-beat", "alloyworks-controller")
"""Whose pods have a token of the cluster's API."""
Object = dict[str, Any]
Values = dict[str, Any]


@cache
def profile(name: str) -> Values:
    """A values file of the chart; `values` itself changes nothing."""
    return {} if name == "values" else yaml.safe_load((CHART / f"{name}.yaml").read_text())


def render(values: Values | None = None, *, upgrade: bool = False) -> list[Object]:
    """Every object of a release with these values."""
    texts = texts_of(values, upgrade=upgrade)
    documents = [text for path, text in sorted(texts.items()) if path.endswith(".yaml")]
    return [found for text in documents for found in yaml.safe_load_all(text) if found]


def texts_of(values: Values | None = None, *, upgrade: bool = False) -> dict[str, str]:
    """What each template becomes."""
    return _chart().render(
        values or {},
        name=RELEASE,
        namespace=NAMESPACE,
        is_install=not upgrade,
        is_upgrade=upgrade,
    )


@cache
def _chart() -> helm.Chart:
    return helm.Chart.load(CHART)


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [found for found in objects if found["kind"] in kinds]


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The only object of that kind and name."""
    [found] = [item for item in of_kind(objects, kind) if item["metadata"]["name"] == name]
    return found


def templates(objects: list[Object]) -> dict[str, Object]:
    """Pod templates by the names of what makes the pods."""
    makers = of_kind(objects, "Deployment", "StatefulSet", "Job")
    return {found["metadata"]["name"]: found["spec"]["template"] for found in makers}


def containers(template: Object) -> list[Object]:
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: Object) -> dict[str, Object]:
    return {entry["name"]: entry for entry in container.get("env", [])}


def merged(*layers: Values) -> Values:
    """Later values win, key by key, as with several files for Helm."""
    result: Values = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            both = isinstance(below, dict) and isinstance(value, dict)
            result[key] = merged(below, value) if both else value
    return result
