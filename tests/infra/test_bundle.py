"""The bundle for a site without a way out: packed, carried over, loaded.

docker is a stand-in that takes notes.
"""

import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DIGEST = f"sha256:{'d' * 64}"
DOCKER = f"""#!/bin/sh
echo "$@" >>"$NOTES"
case $1 in
  save) echo "layers of $2" ;;
  run) echo '{{"bomFormat": "CycloneDX"}}' ;;
  inspect) [ -n "$NO_DIGEST" ] || echo "${{4%:*}}@{DIGEST}" ;;
esac
"""


@pytest.fixture
def docker(tmp_path):
    """Calls a script with the stand-in; `.notes` is what docker was asked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    notes = tmp_path / "notes"
    notes.touch()

    def call(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "NOTES": str(notes)} | more
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    call.notes = lambda: notes.read_text().splitlines()
    return call


@pytest.fixture
def bundle(docker, tmp_path):
    out = tmp_path / "bundle"
    done = docker(str(ROOT / "infra/docker/bundle.sh"), str(out), TORCH_CPU_INDEX="nearby")
    assert done.returncode == 0, done.stderr
    return out


def test_a_bundle_has_images_chart_bills_and_the_guide(bundle):
    files = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()}

    assert files == {
        *(f"images/{name}.tar.gz" for name in ("platform", "engine-cpu", "engine-cuda")),
        *(f"sbom/{name}.cdx.json" for name in ("platform", "engine-cpu", "engine-cuda")),
        *("alloyworks-0.1.0.tgz", "values-airgapped.yaml", "install.md", "load.sh", "SHA256SUMS"),
    }


def test_every_file_is_summed(bundle):
    for line in (bundle / "SHA256SUMS").read_text().splitlines():
        told, path = line.split(maxsplit=1)
        assert hashlib.sha256((bundle / path).read_bytes()).hexdigest() == told


def test_the_chart_of_a_bundle_is_the_chart(bundle):
    import helm_python as helm

    with tarfile.open(bundle / "alloyworks-0.1.0.tgz") as archive:
        assert all(member.name.startswith("alloyworks") for member in archive)
    with helm.Chart.load(bundle / "alloyworks-0.1.0.tgz") as chart:
        assert chart.render(name="alloyworks")


def test_the_images_are_built_by_target(bundle, docker):
    built = [note for note in docker.notes() if note.startswith("build")]

    assert len(built) == 3
    assert "--target engine-cpu --tag alloyworks/engine-cpu:0.1.0" in built[1]
    assert "TORCH_CPU_INDEX=nearby" in built[1]


def test_loading_pushes_and_writes_down_the_digests(bundle, docker):
    done = docker(str(bundle / "load.sh"), "registry.internal:5000/mirror")

    assert done.returncode == 0, done.stderr
    values = yaml.safe_load((bundle / "values-images.yaml").read_text())["images"]
    assert values["registry"] == "registry.internal:5000/mirror"
    assert {values[key]["digest"] for key in ("platform", "engineCpu", "engineCuda")} == {DIGEST}
    pushed = [note for note in docker.notes() if note.startswith("push")]
    assert "push --quiet registry.internal:5000/mirror/alloyworks/platform:0.1.0" in pushed


def test_what_loading_writes_is_what_the_chart_takes(bundle, docker):
    from tests.infra.chart import containers, merged, profile, render, templates

    docker(str(bundle / "load.sh"), "registry.internal:5000")
    written = yaml.safe_load((bundle / "values-images.yaml").read_text())

    pods = templates(render(merged(profile("values-airgapped"), written)))

    assert {container["image"] for pod in pods.values() for container in containers(pod)} == {
        f"registry.internal:5000/alloyworks/platform@{DIGEST}"
    }


def test_a_damaged_bundle_is_not_loaded(bundle, docker):
    with (bundle / "images/platform.tar.gz").open("ab") as file:
        file.write(b"x")

    done = docker(str(bundle / "load.sh"), "registry.internal")

    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert not any(note.startswith("load") for note in docker.notes())


def test_without_a_digest_nothing_is_written(bundle, docker):
    done = docker(str(bundle / "load.sh"), "registry.internal", NO_DIGEST="1")

    assert done.returncode == 1
    assert "told no digest" in done.stderr
    assert not (bundle / "values-images.yaml").exists()


def test_a_bundle_overwrites_nothing(docker, tmp_path):
    done = docker(str(ROOT / "infra/docker/bundle.sh"), str(tmp_path))

    assert done.returncode == 1
    assert "exists already" in done.stderr


def test_the_scripts_say_how_to_call_them(docker):
    for name in ("bundle.sh", "load.sh"):
        done = docker(str(ROOT / "infra/docker" / name))
        assert done.returncode == 1
        assert "How to call it" in done.stderr
