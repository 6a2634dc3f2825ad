r"""Strings and bytes that are no valid UTF-8, kept without loss.

Model output contains lone surrogates, and files contain any bytes. Two rules, used
everywhere in a journal:

JSON (`dumps`, `loads`): text is written as UTF-8; a lone surrogate is written as its
ASCII escape (`\ud800`), which JSON allows. Two lone surrogates that happen to stand
next to each other as a high and a low one are one character in JSON, and come back
as that character; everything else comes back as it was.

Records (`escape`, `unescape`): msgpack strings must be UTF-8. A record that has any
other string is stored with all its strings escaped: a backslash is doubled, a lone
surrogate becomes `\udXXX`.

Bytes travel in JSON as text by Python's `surrogateescape` (`bytes_to_text`): text that
is UTF-8 stays readable, any other byte becomes a lone surrogate.
"""

import json
import re
from collections.abc import Callable
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
_TO_ESCAPE = re.compile("[\\\\\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(\\|u[0-9a-f]{4})")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: object) -> bytes:
    """Return compact JSON; dictionaries keep their order.

    Args:
        value: Whatever the standard library's `json` writes.

    Raises:
        TypeError: The value is nothing JSON can say.
        ValueError: The value contains itself.
    """
    text = _ENCODER.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(_escape_one, text).encode()


def dumps_pretty(value: object) -> bytes:
    """Return JSON for people: indented, with a line end."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return _SURROGATE.sub(_escape_one, text).encode()


def dumps_readable(value: object) -> str:
    """Return compact JSON that any reader takes: lone surrogates become U+FFFD."""
    return readable(_ENCODER.encode(value))


def loads(data: bytes | str) -> Any:
    """Return the value of JSON that `dumps`, or anybody else, wrote.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(data)


def bytes_to_text(data: bytes) -> str:
    """Return bytes as text: readable where they are UTF-8, never with loss."""
    return data.decode("utf-8", "surrogateescape")


def text_to_bytes(text: str) -> bytes:
    """Undo `bytes_to_text`."""
    return text.encode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """Return text any terminal and any file takes: lone surrogates become U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def escape(text: str) -> str:
    """Return a string without lone surrogates, from which `unescape` gets the original."""
    return _TO_ESCAPE.sub(_escape_one, text)


def unescape(text: str) -> str:
    """Undo `escape`."""
    return _ESCAPED.sub(_unescape_one, text)


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return nested lists, tuples and dictionaries with every string changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {key: map_strings(item, change) for key, item in value.items()}
    return value


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    return "\\\\" if character == "\\" else f"\\u{ord(character):04x}"


def _unescape_one(match: re.Match[str]) -> str:
    after = match[1]
    return "\\" if after == "\\" else chr(int(after[1:], 16))
