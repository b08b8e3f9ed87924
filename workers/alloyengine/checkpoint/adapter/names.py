"""The names in an adapter's file: factors of modules, and tensors that replace the base's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from alloyengine.errors import InputError

_PREFIX = re.compile(r"base_model\.(?:model\.)?")
_FACTOR = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_(?:A|B|embedding_A|embedding_B|magnitude_vector))"
    r"(?:\.default)?(?:\.weight)?"
)
_WRAPPERS = re.compile(r"\.base_layer(?=\.)|\.modules_to_save(?:\.default)?(?=\.)")


@dataclass
class Names:
    """By the names of the model that the adapter was trained on."""

    factors: dict[str, dict[str, str]] = field(default_factory=dict)
    """module: {part such as lora_A: name in the file}"""
    saved: dict[str, str] = field(default_factory=dict)
    """tensor: name in the file; they replace the base's"""

    @classmethod
    def of(cls, keys: Iterable[str]) -> "Names":
        names = cls()
        for key in keys:
            names._add(key, key[found.end() :] if (found := _PREFIX.match(key)) else key)
        return names

    def _add(self, key: str, name: str) -> None:
        if found := _FACTOR.fullmatch(name):
            module = _WRAPPERS.sub("", f"{found['module']}.").removesuffix(".")
            group, part = self.factors.setdefault(module, {}), found["part"]
        elif "lora_" in name or "original_module" in name:
            raise damaged(f"{key!r} is of a kind that is not known")
        else:
            group, part = self.saved, _WRAPPERS.sub("", name)
        if part in group:
            raise damaged(f"{key!r} and {group[part]!r} are the same")
        group[part] = key


def damaged(why: str) -> InputError:
    return InputError(
        "adapter_damaged", f"The adapter can't be read: {why}.", "Save it again with PEFT."
    )
