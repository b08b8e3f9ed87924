"""Errors of the engine.

    EngineError
    ├── InputError       the user's: a model, dataset, recipe or value; never retried
    ├── CapacityError    the machine's: memory, disk
    ├── TransferError    the network's or the storage's; another attempt may fare better
    └── Stopped          an order: cancelled, or asked to make room

Anything else that escapes the engine is a bug of ours.
"""


class EngineError(Exception):
    """Has a stable `code`, a sentence, and a `remedy` that says what to do."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.code, self.message, self.remedy = code, message, remedy

    def __reduce__(self) -> tuple[type["EngineError"], tuple[str, str, str]]:
        """Passes from one process to another."""
        return type(self), (self.code, self.message, self.remedy)


class InputError(EngineError):
    """What the user gave can't be used; the same input will fail again."""


class CapacityError(EngineError):
    """The machine is too small for the job."""


class TransferError(EngineError):
    """Bytes can't be moved between storage and this machine. Never names a URL: it is a secret."""


class Stopped(EngineError):
    """The engine was asked to stop and did."""
