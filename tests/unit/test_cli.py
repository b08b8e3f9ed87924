"""The `alloy` command as a user meets it."""

import os
import subprocess
import sys
import time

import pytest

MAIN = "import sys; from alloyengine.cli import main; "


def alloy(*words: str, before: str = "pass", **variables: str) -> subprocess.CompletedProcess[str]:
    code = f"{MAIN}{before}; main.main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALLOY_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words],
        capture_output=True,
        check=False,
        text=True,
        env=environment | variables,
        timeout=60,
    )


def raising(what: str) -> str:
    """Code that makes the command `status` raise."""
    return (
        "from alloyengine.errors import InputError, CapacityError; "
        "from alloyworks.errors import NotFound, invalid; "
        f"main._app = lambda entry: lambda **k: (_ for _ in ()).throw({what})"
    )


def test_help_lists_every_command_with_a_sentence():
    shown = alloy("--help").stdout
    assert "up " in shown
    assert "Start the whole platform on this machine." in shown


def test_every_command_can_explain_itself_without_settings():
    code = "from importlib.metadata import entry_points\n"
    code += "for each in entry_points(group='alloy.commands'): each.load()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALLOY_")}
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env=environment, timeout=60)


def test_help_imports_no_command_and_is_quick():
    code = MAIN + "main.main(); print(sorted(m for m in sys.modules if m in ('torch', 'django')))"
    began = time.monotonic()
    shown = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    assert shown.stdout.splitlines()[-1] == "[]"
    assert time.monotonic() - began < 1.5


def test_an_unknown_command_is_answered_with_the_known_ones():
    done = alloy("upp")
    assert done.returncode == 2
    assert "'upp'" in done.stderr
    assert "up" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("InputError('x', 'No such model.', 'Import it.')", 2, "No such model. Import it."),
        ("CapacityError('x', 'Out of disk.')", 1, "Out of disk."),
        ("NotFound('There is no job 7.')", 2, "There is no job 7."),
        ("invalid(['name'], 'too long', 'Shorten it.')", 2, "name: too long Shorten it."),
        ("ZeroDivisionError('ours')", 1, "fault of ours"),
    ],
)
def test_an_error_is_one_clear_message_without_a_traceback(error, code, words):
    done = alloy("status", before=raising(error))
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_debug_variable_shows_the_traceback():
    done = alloy("status", before=raising("ZeroDivisionError('ours')"), ALLOY_DEBUG="1")
    assert "Traceback" in done.stderr


def test_ctrl_c_ends_a_command_quietly_with_130():
    done = alloy("status", before=raising("KeyboardInterrupt()"))
    assert (done.returncode, done.stderr) == (130, "")


def test_a_wrong_option_is_the_users_error():
    done = alloy("up", "--port", "none")
    assert done.returncode == 2
    assert "--port" in done.stderr


def test_status_of_an_empty_folder_says_how_to_start(tmp_path):
    done = alloy("status", "--state", str(tmp_path))
    assert done.returncode == 1
    assert "alloy up" in done.stdout


def test_down_without_a_stack_is_harmless(tmp_path):
    done = alloy("down", "--state", str(tmp_path))
    assert (done.returncode, done.stdout.strip()) == (0, "Nothing runs here.")
