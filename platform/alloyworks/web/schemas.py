"""JSON Schemas as people read them: a line a field, and an example."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
DEEPEST = 4  # levels that are told one by one
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "maxLength": "at most {} characters",
}


@dataclass(frozen=True)
class Field:
    name: str  # dotted; `[]` after lists
    type: str
    required: bool = False
    description: str = ""
    variant: str = ""  # fields of one of several forms: which


class Schemas:
    """Reads schemas of one OpenAPI document, whose components they refer to."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self.components = components

    def fields(
        self, schema: Schema, prefix: str = "", variant: str = "", depth: int = 0
    ) -> Iterator[Field]:
        """Every field, those inside right after it. A list is read as what it holds."""
        schema = self.resolved(schema)
        if schema.get("type") == "array":
            yield from self.fields(schema.get("items", {}), prefix, variant, depth)
        for form in schema.get("oneOf", ()):
            name = self.resolved(form).get("title", "")
            yield from self.fields(form, prefix, name if not depth else variant, depth)
        for name, inner in schema.get("properties", {}).items():
            place = f"{prefix}{name}"
            needed = name in schema.get("required", ())
            found = self.resolved(inner)
            yield Field(place, self.type_of(found), needed, _words(found), variant)
            if depth < DEEPEST:
                dots = "[]." if found.get("type") == "array" else "."
                yield from self.fields(found, place + dots, variant, depth + 1)

    def type_of(self, schema: Schema) -> str:
        """Such as `integer`, `text or null`, `list of uuid`, `"full"`."""
        schema = self.resolved(schema)
        if "const" in schema:
            return f'"{schema["const"]}"' if isinstance(schema["const"], str) else schema["const"]
        if "enum" in schema:
            return " | ".join(f'"{value}"' for value in schema["enum"])
        if forms := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            return " or ".join(dict.fromkeys(self.type_of(form) for form in forms))
        kind = str(schema.get("format") or schema.get("type") or "anything")
        if kind == "array":
            return f"list of {self.type_of(schema.get('items', {}))}"
        return {"string": "text", "binary": "file"}.get(kind, kind)

    def example(self, schema: Schema) -> Any:
        """The least that is valid in form: required fields alone, and what tells forms apart."""
        schema = self.resolved(schema)
        if "const" in schema or "default" in schema:
            return schema.get("const", schema.get("default"))
        if "enum" in schema:
            return schema["enum"][0]
        if forms := [*schema.get("oneOf", ()), *schema.get("anyOf", ())]:
            return self.example(forms[0])
        if schema.get("type") == "array":
            return [self.example(schema.get("items", {}))]
        if schema.get("type") == "object":
            inner = schema.get("properties", {})
            shown = [n for n in inner if n in schema.get("required", ()) or n in ("kind", "method")]
            return {name: self.example(inner[name]) for name in shown}
        return {"integer": 1, "number": 1.0, "boolean": True}.get(schema.get("type", ""), "…")

    def resolved(self, schema: Schema) -> Schema:
        """Without references and optionality; what stands beside a reference stays."""
        if "$ref" in schema:
            target = self.components[schema["$ref"].rpartition("/")[2]]
            return {**self.resolved(target), **{k: v for k, v in schema.items() if k != "$ref"}}
        forms = [form for form in schema.get("anyOf", ()) if form.get("type") != "null"]
        if len(forms) == 1 and "$ref" in forms[0]:
            beside = {key: value for key, value in schema.items() if key != "anyOf"}
            return {**self.resolved(forms[0]), **beside}
        return schema


def _words(schema: Schema) -> str:
    """What it means, and within which limits."""
    limits = [words.format(schema[name]) for name, words in LIMITS.items() if name in schema]
    default = schema.get("default")
    if default not in (None, "") and "const" not in schema:
        limits.append(f"default {json.dumps(default)}")
    meaning, said = schema.get("description", ""), ", ".join(limits)
    return f"{meaning} ({said})" if meaning and said else meaning or said
