"""What changed between two values, so that a person sees it at once.

Long texts (prompts) are shown around the change only: word by word where it is one line,
line by line where it has many. It knows nothing of commands.
"""

import difflib
import json
import re

CONTEXT_CHARS = 48
"""How much of what both texts share is shown on either side of a change."""
LINES_MAX = 24
WIDTH_MAX = 200
_WORDS_MAX = 3_000
"""Words beyond what both texts begin and end with that are compared one by one."""

_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def shown_difference(recorded: object, replayed: object) -> list[str]:
    """Return lines that show how a value differs.

    Words that only the recording has are in `[-...-]`, those that only the replay has in
    `{+...+}`; lines begin with `-` and `+`.
    """
    if isinstance(recorded, str) and isinstance(replayed, str):
        if "\n" in recorded or "\n" in replayed:
            return by_lines(recorded, replayed)
        return [by_words(recorded, replayed)]
    if recorded is ABSENT:
        return [f"+ {_cut(as_text(replayed))}"]
    if replayed is ABSENT:
        return [f"- {_cut(as_text(recorded))}"]
    return [f"{_cut(as_text(recorded))} -> {_cut(as_text(replayed))}"]


def by_lines(recorded: str, replayed: str) -> list[str]:
    """Return a unified difference without its head; a line that only changed is told by words."""
    lines = list(
        difflib.unified_diff(recorded.splitlines(), replayed.splitlines(), n=2, lineterm="")
    )[2:]
    if not lines:  # only the ends of lines differ
        return [by_words(json.dumps(recorded), json.dumps(replayed))]
    lines = [line for line in lines if not line.startswith("@@")]
    more = len(lines) - LINES_MAX
    shown = [_cut(line) for line in lines[:LINES_MAX]]
    return [*shown, f"... ({more} more lines)"] if more > 0 else shown


def by_words(recorded: str, replayed: str) -> str:
    """Return one line with the words that differ marked, and a little of what is around them."""
    one, other = _WORD.findall(recorded), _WORD.findall(replayed)
    start, end = _common(one, other)
    before, after = "".join(one[:start]), "".join(one[len(one) - end :])
    middle = _changes(one[start : len(one) - end], other[start : len(other) - end])
    return f"{_tail(before)}{middle}{_head(after)}".replace("\n", "\\n")


def same_parts(recorded: object, replayed: object) -> bool:
    """Tell whether two values consist of the same parts in another order."""
    if isinstance(recorded, str) and isinstance(replayed, str):
        one, other = _WORD.findall(recorded), _WORD.findall(replayed)
        return recorded != replayed and len(one) > 1 and sorted(one) == sorted(other)
    if isinstance(recorded, list) and isinstance(replayed, list):
        return sorted(map(as_text, recorded)) == sorted(map(as_text, replayed))
    return False


def as_text(value: object) -> str:
    """Return a value as a line of JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


class _Absent:
    """Stands for a value that one side does not have."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()


def _common(one: list[str], other: list[str]) -> tuple[int, int]:
    shortest = min(len(one), len(other))
    start = 0
    while start < shortest and one[start] == other[start]:
        start += 1
    end = 0
    while end < shortest - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return start, end


def _changes(one: list[str], other: list[str]) -> str:
    if max(len(one), len(other)) > _WORDS_MAX:
        return _marked("".join(one), "".join(other))
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    pieces: list[str] = []
    for kind, low, high, from_, to in matcher.get_opcodes():
        old, new = "".join(one[low:high]), "".join(other[from_:to])
        if kind == "equal" and len(old) > 2 * CONTEXT_CHARS:
            pieces.append(f"{_head(old)[:-1]} ... {_tail(old)[1:]}")
        else:
            pieces.append(old if kind == "equal" else _marked(old, new))
    return "".join(pieces)


def _marked(old: str, new: str) -> str:
    removed = f"[-{_cut(old)}-]" if old else ""
    return removed + (f"{{+{_cut(new)}+}}" if new else "")


def _tail(text: str) -> str:
    return text if len(text) <= CONTEXT_CHARS else f"…{text[-CONTEXT_CHARS:]}"


def _head(text: str) -> str:
    return text if len(text) <= CONTEXT_CHARS else f"{text[:CONTEXT_CHARS]}…"


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH_MAX else f"{text[:WIDTH_MAX]}… ({len(text):,} characters)"
