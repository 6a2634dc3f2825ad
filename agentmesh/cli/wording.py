"""Values in words: what the commands print about times, sizes, payloads and hostile text.

Pure text in, text out. Everything that comes from a run passes through `visible`: a
payload may hold escape sequences that would move a terminal's cursor or hide a line.
"""

import json
import math
import time
import unicodedata
from datetime import datetime
from typing import Any

from agentmesh.effects.prices import Cost

NS_PER_SECOND = 1_000_000_000

_KEPT = "\n\t"
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_HIDING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's controls, formats (they reverse or hide text), surrogates, odd line ends."""
_JOINERS = "\u200c\u200d"
"""Formats that spelling and emoji need, and that hide nothing."""


def visible(text: str, *, keep_lines: bool = False) -> str:
    r"""Return a text in which nothing is hidden: control characters become `\x1b` and the like.

    Args:
        text: Any text.
        keep_lines: Leave line ends and tabs as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = _KEPT if keep_lines else ""
    return "".join(
        char if char in kept or not _hides(char) else _NAMED.get(char, _escaped(char))
        for char in text
    )


def _hides(char: str) -> bool:
    return unicodedata.category(char) in _HIDING and char not in _JOINERS


def _escaped(char: str) -> str:
    number = ord(char)
    if number <= 0xFF:  # noqa: PLR2004 - what two digits can say
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004


def shortened(text: str, limit: int) -> str:
    """Return a text cut to a number of characters, with `...` where it was cut."""
    return text if len(text) <= limit else text[: max(limit - 3, 0)] + "..."


def compact(value: object) -> str:
    """Return a JSON value in one line, with nothing hidden."""
    return visible(json.dumps(value, ensure_ascii=False, default=str))


def opened(data: bytes) -> Any:
    """Return the value of a payload: JSON is parsed, anything else becomes text."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # a payload may be nested deeper than Python goes
        return data.decode("utf-8", "backslashreplace")


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 agent`, `12,431 events`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def took(seconds: float) -> str:
    """Return a duration as people say it: `0.4 ms`, `83 ms`, `2.1 s`, `3 min 20 s`."""
    if seconds == 0:
        return "0 ms"
    if seconds < 0.0995:  # noqa: PLR2004 - from here on, tenths of a second say enough
        return f"{seconds * 1000:.{1 if seconds < 0.00995 else 0}f} ms"  # noqa: PLR2004
    if seconds < 59.95:  # noqa: PLR2004 - the units of clocks
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def took_ns(nanoseconds: int) -> str:
    """Return a duration given in nanoseconds as people say it."""
    return took(nanoseconds / NS_PER_SECOND)


def clock(at_ns: int) -> str:
    """Return a time of day, in local time, with milliseconds."""
    local = time.localtime(at_ns // NS_PER_SECOND)
    return f"{time.strftime('%H:%M:%S', local)}.{at_ns % NS_PER_SECOND // 1_000_000:03d}"


def date(at_ns: int) -> str:
    """Return date and time of day, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ns // NS_PER_SECOND))


def day(at_ns: int) -> str:
    """Return day and time in local time, without the year, for narrow tables."""
    return date(at_ns)[5:]


def iso(at_ns: int) -> str:
    """Return a time as ISO 8601 with microseconds and local offset."""
    seconds, rest = divmod(at_ns, NS_PER_SECOND)
    local = datetime.fromtimestamp(seconds).astimezone()
    return local.replace(microsecond=rest // 1000).isoformat(timespec="microseconds")


def users_frames(text: str) -> str:
    """Return a formatted traceback without agentmesh's own frames; all if they are all.

    Args:
        text: As `traceback.format_exception` writes it; may hold several tracebacks.
    """
    kept: list[str] = []
    own = False
    for line in text.rstrip().splitlines():
        if line.lstrip().startswith('File "'):
            own = any(f"/agentmesh/{package}/" in line for package in _OWN)
        elif not line.startswith("    "):
            own = False
        if not own:
            kept.append(line)
    frames = any(line.lstrip().startswith('File "') for line in kept)
    return "\n".join(kept) if frames else text.rstrip()


_OWN = ("kernel", "sdk", "host", "effects", "simulation", "fabric", "replay", "mesh", "ambient")


def size(number: float) -> str:
    """Return a number of bytes as people say it: `812 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:  # noqa: PLR2004 - rounds to less than 1000
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def dollars(usd: float) -> str:
    """Return a sum as people say it: `$0`, `$0.00012`, `$0.034`, `$1.25`."""
    if usd == 0:
        return "$0"
    if abs(usd) >= 0.995:  # noqa: PLR2004 - cents say enough from a dollar on
        return f"${usd:,.2f}"
    return f"${usd:.{1 - math.floor(math.log10(abs(usd)))}f}"


def spent(cost: Cost) -> str:
    """Return what model calls cost: a sum, or that it is not known and why."""
    made_up = ", made-up prices of simulated models" if cost.simulated else ""
    if cost.usd is not None:
        return f"{dollars(cost.usd)}{made_up}"
    named = ", ".join(name or "a model without a name" for name in cost.unknown)
    known = f"; the others cost {dollars(cost.known_usd)}{made_up}" if cost.known_usd else ""
    return f"unknown what {named} cost{known}"
