"""The `alloy` command: a list of entry points, each imported only when it runs."""

import ast
import atexit
import gc
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import typer

from alloyengine.errors import EngineError, InputError

GROUP = "alloy.commands"
USAGE = "Usage: alloy COMMAND [OPTIONS]      alloy COMMAND --help\n"


def main() -> None:
    """Entry of the `alloy` script: every expected error is one clear line."""
    # At the end Python looks through all that was ever imported for what it could free: half a
    # second, for memory that goes back to the system anyway.
    atexit.register(gc.freeze)
    name, words = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in ("--help", "-h"):
        typer.echo(_help(commands))
    elif name not in commands:
        _say(f"There is no command {name!r}. Commands: {', '.join(sorted(commands))}.")
        sys.exit(2)
    else:
        _run(commands[name], words)


def _run(entry: EntryPoint, words: list[str]) -> None:
    try:
        _app(entry)(args=words, prog_name=f"alloy {entry.name}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # the last door: everything else ends here
        _fail(error)


def _app(entry: EntryPoint) -> typer.Typer:
    found: Any = entry.load()
    if isinstance(found, typer.Typer):
        return found
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(entry.name)(found)
    return app


def _help(commands: dict[str, EntryPoint]) -> str:
    rows = [f"  {name:12} {_summary(entry)}" for name, entry in sorted(commands.items())]
    return "\n".join(["Train, merge and prove small language models.\n", USAGE, *rows])


def _summary(entry: EntryPoint) -> str:
    """First line of the docstring, taken from the source so that help imports no command."""
    spec = find_spec(entry.module)
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    named: list[ast.FunctionDef | ast.Module] = [f for f in functions if f.name == entry.attr]
    words = ast.get_docstring((named or [tree])[0]) or ""
    return words.split("\n", 1)[0]


def _fail(error: Exception) -> NoReturn:
    """Says it in red, with the remedy; 2 when the user can mend it, 1 otherwise."""
    if os.environ.get("ALLOY_DEBUG"):
        raise error
    if isinstance(error, EngineError):
        _say(str(error))
    elif hasattr(error, "detail"):
        _say(_problem(error))
    else:
        _say(f"{type(error).__name__}: {error}")
        typer.echo("This is a fault of ours. ALLOY_DEBUG=1 shows where.", err=True)
    theirs = isinstance(error, InputError) or 400 <= getattr(error, "status", 500) < 500
    sys.exit(2 if theirs else 1)


def _problem(error: Any) -> str:
    """A platform Problem, known by its shape: the engine does not import the platform."""
    faults = getattr(error, "errors", [])
    lines = [f"{'.'.join(map(str, f.loc))}: {f.msg} {f.remedy}".strip() for f in faults]
    return "\n".join([error.detail, *lines])


def _say(words: str) -> None:
    typer.secho(words, fg="red", err=True)
