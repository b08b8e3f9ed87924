"""Takes secrets out of lines on their way to a log. The last net: better not to log them at all."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from alloyworks.config import Config

GONE = "[redacted]"
_SHORTEST = 8  # a password of fewer characters would black out ordinary words
_IS = r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)"  # between a name and its value, in JSON and in Python
_REPLACEMENTS = {
    r"\balloy_[0-9a-f]{8}_[\w-]{20,}": GONE,  # API keys
    r"\brun_[\w-]{40,}": GONE,  # tokens of attempts
    r"\bwhsec_[\w+/=-]{20,}": GONE,  # webhooks' secrets
    r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}": rf"\1 {GONE}",
    r"(?i)(x-amz-(?:signature|credential|security-token)=)[^&\s\"'<>\\]+": rf"\1{GONE}",
    rf"(?i)(authorization|cookie){_IS}[^\s\"',;}}\\]+": rf"\1\2{GONE}",
    rf"(?i)(password\d?|passwd|secret|token|api_key){_IS}(?!\[redacted)[^\s\"',;&}}\\]{{6,}}": (
        rf"\1\2{GONE}"
    ),
    r"(\w+://[^\s:/@\"']*):[^\s/@\"']+@": rf"\1:{GONE}@",  # passwords in URLs
    # Links in mails are keys, too.
    r"(/accounts/(?:invitations|confirm-email|password/reset/key)/)[^\s/\"'\\]+": rf"\1{GONE}",
}
_PATTERNS = [(re.compile(pattern), words) for pattern, words in _REPLACEMENTS.items()]


class Redactor:
    """Knows this deployment's own secrets, and how others' look."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, line: str) -> str:
        if self._known:
            line = self._known.sub(GONE, line)
        for pattern, replacement in _PATTERNS:
            line = pattern.sub(replacement, line)
        return line


def secrets_of(config: Config) -> list[str]:
    """Every secret of the settings, and the password of every URL in them."""
    found = []
    for value in (getattr(config, name) for name in type(config).model_fields):
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
        elif isinstance(value, str) and "://" in value and (password := urlsplit(value).password):
            found += [password, unquote(password)]
    return found
