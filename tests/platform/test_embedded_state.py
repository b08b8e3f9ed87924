"""The state folder: secrets made once, ports kept, the operator's own settings obeyed."""

import socket
import stat
import subprocess
import sys

import pytest

from alloyworks.config import Config
from alloyworks.embedded import ports
from alloyworks.embedded.state import State, environment, state_dir, web_names
from alloyworks.errors import Conflict


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path / "state")
    state.prepare()
    state.choose_ports(None)
    return state


def test_secrets_are_made_once_and_are_ours_alone(state):
    assert state.secrets() == state.secrets()
    assert len(set(state.secrets().values())) == len(state.secrets())
    assert stat.S_IMODE((state.dir / "secrets.json").stat().st_mode) == 0o600


def test_free_ports_are_found_and_remembered(state):
    assert state.choose_ports(None) == state.choose_ports(None) == state.ports()


def test_a_remembered_port_that_somebody_took_is_replaced(state):
    taken = state.ports()["valkey"]
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", taken))
        stranger.listen()
        assert state.choose_ports(None)["valkey"] != taken


def test_the_port_of_the_pages_is_the_one_asked_for(state):
    state.choose_ports(18_123)
    assert environment(state, {})["ALLOY_PUBLIC_URL"] == "http://127.0.0.1:18123"


def test_the_environment_names_all_embedded_servers(state):
    found = environment(state, {})
    assert found["ALLOY_DATABASE_URL"].startswith("postgresql://alloy_app:")
    assert found["ALLOY_DATABASE_OWNER_URL"].startswith("postgresql://alloy_owner:")
    assert found["ALLOY_BROKER_URL"].startswith("redis://:")
    assert found["ALLOY_S3_ENDPOINT_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("variable", "value", "absent"),
    [
        ("ALLOY_DATABASE_URL", "postgresql://u:p@db/x", "ALLOY_DATABASE_OWNER_URL"),
        ("ALLOY_S3_ENDPOINT_URL", "https://s3.example", "ALLOY_S3_ACCESS_KEY"),
    ],
)
def test_an_outside_server_replaces_the_embedded_one_and_its_keys(state, variable, value, absent):
    found = environment(state, {variable: value})
    assert found[variable] == value
    assert absent not in found


def test_the_folder_asked_for_comes_before_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOY_STATE_DIR", str(tmp_path / "variable"))
    assert state_dir() == tmp_path / "variable"
    assert state_dir(tmp_path / "asked") == tmp_path / "asked"


def test_a_port_that_another_stack_has_chosen_is_not_free(tmp_path):
    port = ports.claim_inner(None)
    code = f"from alloyworks.embedded import ports; print(ports.claim({port}))"

    words = [sys.executable, "-P", "-c", code]
    told = subprocess.run(words, check=False, capture_output=True, text=True)

    assert (told.stdout, told.stderr) == ("False\n", "")
    assert ports.claim(port)


def test_a_number_of_web_processes_that_is_none_is_refused() -> None:
    assert len(web_names({})) == Config.model_fields["web_processes"].default
    assert web_names({"ALLOY_WEB_PROCESSES": "3"}) == ["web", "web-2", "web-3"]
    assert web_names({"ALLOY_WEB_PROCESSES": "1"}) == ["web"]
    for wrong in ("0", "many", "-1", "65", ""):
        with pytest.raises(Conflict, match=f"ALLOY_WEB_PROCESSES is '{wrong}'; use 1 to 64"):
            web_names({"ALLOY_WEB_PROCESSES": wrong})
