"""What a request asks for: its parameters, read strictly.

A parameter that can't be what it should be is refused with its name, and nothing is guessed.
"""

from http import HTTPStatus

from starlette.requests import Request

from agentmesh.viewer.answers import Refusal


def text(request: Request, name: str, default: str | None = None) -> str:
    """Return a parameter.

    Raises:
        Refusal: It is missing, or comes several times.
    """
    found = request.query_params.getlist(name)
    if len(found) > 1 or (not found and default is None):
        raise refused(name, "must be given once")
    return found[0] if found else str(default)


def number(
    request: Request, name: str, default: int, *, least: int = 0, most: int = 1 << 53
) -> int:
    """Return a parameter that is a whole number.

    Raises:
        Refusal: It is none, or out of range.
    """
    said = text(request, name, str(default))
    if not (said.isascii() and said.isdecimal() and len(said) <= _DIGITS_MAX):
        raise refused(name, f"is {said[:40]!r}, which is no number")
    found = int(said)
    if not least <= found <= most:
        raise refused(name, f"is {found:,}, and may be from {least:,} to {most:,}")
    return found


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """Return a parameter that is yes or no.

    Raises:
        Refusal: It is neither.
    """
    said = text(request, name, "1" if default else "0")
    if said not in ("0", "1", "true", "false"):
        raise refused(name, f"is {said[:40]!r}, and may be 0 or 1")
    return said in ("1", "true")


def rows(said: str, most: int) -> list[int]:
    """Return the numbers that `0-49,70` stands for.

    Raises:
        Refusal: It can't be read, or stands for too many.
    """
    found: list[int] = []
    for part in said.split(","):
        first, dash, last = part.partition("-")
        ends = (first, last) if dash else (first, first)
        if not all(end.isascii() and end.isdecimal() and len(end) <= _DIGITS_MAX for end in ends):
            raise refused("rows", f"has {part[:40]!r}, which is no row and no range")
        low, high = int(ends[0]), int(ends[1])
        if high - low + len(found) >= most:
            raise refused("rows", f"are more than {most:,}")
        found.extend(range(low, high + 1))
    return found


def refused(name: str, why: str) -> Refusal:
    """Return the refusal of a parameter."""
    return Refusal(HTTPStatus.BAD_REQUEST, "UsageError", f"The parameter {name!r} {why}.")


_DIGITS_MAX = 16
