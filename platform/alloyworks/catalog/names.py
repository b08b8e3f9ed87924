"""Names that people give to things."""

from alloyworks.errors import invalid

LONGEST = 120


def checked(name: str) -> str:
    """The name without blanks around it; Invalid when it can't be one."""
    given = name.strip()
    if not 1 <= len(given) <= LONGEST:
        msg = f"The name has {len(given)} characters."
        raise invalid(["name"], msg, f"Use 1 to {LONGEST} characters.")
    if not given.isprintable():
        raise invalid(["name"], f"The name {given!r} holds unprintable characters.", "Remove them.")
    return given
