"""The chat template of the result: a well-known one, the models' own, or the recipe's text."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.files import as_bytes
from alloyengine.merge.tokenizer.lexicon import CONFIG
from alloyengine.spec.tokenizer import NAMED_TEMPLATES

if TYPE_CHECKING:
    from jinja2 import Environment

FILE, OLDER = "chat_template.jinja", "chat_template.json"
MARKS = {  # tokens that a named template writes and the vocabulary should have
    "alpaca": (),
    "chatml": ("<|im_start|>", "<|im_end|>"),
    "exaone": ("[|system|]", "[|user|]", "[|assistant|]", "[|endofturn|]"),
    "llama3": ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "mistral": ("[INST]", "[/INST]"),
}
_LONGEST = 1_000_000


def choose_template(wanted: str, folders: Mapping[str, Path], base: str | None) -> str | None:
    """The text of a recipe's `chat_template`; None if it is `auto` and no model has one.

    `auto` is the template that most models have; the base's, or else an earlier model's, when two
    are equally frequent. InputError when the recipe's own text is not Jinja.
    """
    if wanted == "auto":
        return _most_common(folders, base)
    if wanted in NAMED_TEMPLATES:
        return (Path(__file__).parent / "templates" / f"{wanted}.jinja").read_text("utf-8")
    check_template(wanted)
    return wanted


def save_template(template: str, folder: Path) -> None:
    """Makes it the only template of the tokenizer in this folder."""
    (folder / FILE).write_text(template, encoding="utf-8")
    (folder / OLDER).unlink(missing_ok=True)
    if (folder / CONFIG).is_file():
        config = read_json(folder / CONFIG)
        if config.pop("chat_template", None) is not None:
            (folder / CONFIG).write_bytes(as_bytes(config))


def read_template(folder: Path) -> str | None:
    """A model's own template, from whichever file transformers would take it."""
    if (folder / FILE).is_file():
        return _text(folder / FILE)
    for name in (CONFIG, OLDER):
        if (folder / name).is_file():
            found = _default(read_json(folder / name).get("chat_template"))
            if found:
                return found
    return None


def check_template(template: str) -> None:
    """InputError names the line that is not Jinja. Nothing is run."""
    from jinja2 import TemplateSyntaxError

    try:
        _environment().parse(template)
    except TemplateSyntaxError as error:
        where = f"line {error.lineno}: {error.message}"
    except RecursionError:
        where = "it is nested too deeply"
    else:
        return
    raise InputError(
        "chat_template_wrong",
        f"chat_template is not Jinja, {where}.",
        f"Correct it, or name one of {', '.join(NAMED_TEMPLATES)}.",
    )


def _most_common(folders: Mapping[str, Path], base: str | None) -> str | None:
    order = sorted(folders, key=lambda model: model != base)
    found = [text for model in order if (text := read_template(folders[model]))]
    if not found:
        return None
    count = Counter(text.strip() for text in found)
    return max(found, key=lambda text: count[text.strip()])  # the first of equally frequent ones


def _text(path: Path) -> str:
    if path.stat().st_size > _LONGEST:
        raise InputError("model_damaged", f"{path.name} is larger than {_LONGEST} bytes.")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError("model_damaged", f"{path.name} is not UTF-8 text.") from None


def _default(value: Any) -> str | None:
    """Of several templates, `[{name, template}, ...]`, the default one."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and item.get("name") == "default":
            value = item.get("template")
    return value if isinstance(value, str) else None


@cache
def _environment() -> "Environment":
    """Like transformers': with loop controls and the mark around what the assistant says."""
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    return ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
