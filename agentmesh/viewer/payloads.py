"""Payloads as they are shown: raw, and indented without changing a character of any value.

What JSON says is never parsed to be printed again: numbers of any size, keys that come twice and
escapes stay as they were. Indenting goes from token to token, so that no depth is too deep.
"""

import re
from typing import Any, Final

SHOWN_BYTES: Final = 64 * 1024
"""How much of a payload is told with an event, unless more is asked for."""
SHOWN_BYTES_MAX: Final = 4 * 1024 * 1024
INDENTED_BYTES_MAX: Final = 512 * 1024
"""Larger ones are shown raw."""

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_STEP = "  "
_DEPTH_MAX = 40
"""Deeper levels are not indented any further: else a small text becomes a huge one."""


def payload_json(data: bytes, part: str, limit: int = SHOWN_BYTES) -> dict[str, Any]:
    """Return a payload as the page gets it.

    Args:
        data: All of it.
        part: What to ask for to get the rest.
        limit: Bytes of text at most.
    """
    shown = data[:limit]
    cut = len(shown) < len(data)
    text = shown.decode("utf-8", "ignore" if cut else "backslashreplace")
    is_json = looks_like_json(data)
    pretty = None
    if is_json and not cut and len(data) <= INDENTED_BYTES_MAX:
        pretty = indented(text)
    return {
        "bytes": len(data),
        "text": text,
        "truncated": cut,
        "pretty": pretty,
        "json": is_json,
        "part": part,
    }


def looks_like_json(data: bytes) -> bool:
    """Tell whether something begins and ends as JSON does."""
    ends = data[:1] + data[-1:]
    return ends in (b"{}", b"[]", b'""') or (data[:1] in b"-0123456789tfn" and bool(data))


def indented(text: str) -> str:
    """Return JSON with one value a line."""
    made: list[str] = []
    depth, before = 0, ""
    for match in _WORD.finditer(text):
        word = match[0]
        if word in "}]":
            depth = max(0, depth - 1)
            if before not in ("{", "["):
                made.append(_line(depth))
        elif before in ("{", "[") or before == ",":
            made.append(_line(depth))
        made.append(word)
        if word == ":":
            made.append(" ")
        elif word in "{[":
            depth += 1
        before = word
    return "".join(made)


def _line(depth: int) -> str:
    return "\n" + _STEP * min(depth, _DEPTH_MAX)
