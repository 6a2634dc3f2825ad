"""Text that matches a regular expression, for JSON schemas with a `pattern`.

Reads the part of the language that JSON Schema recommends: literals, classes,
groups, alternatives, quantifiers, anchors. Lookaround is skipped and the
result checked against the whole pattern, so a sample is right or refused,
never wrong. Python's own parser of patterns is private; this one is small.
"""

import random
import re
import string

_DIGITS = string.digits
_WORD = string.ascii_lowercase + string.digits + "_"
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": " "}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}

# Enough to satisfy a lookahead or a bound on the length that is not hopeless.
_ATTEMPTS = 200

# `*` and `+` end here unless the pattern asks for more: short values read better.
_REPEAT_EXTRA = 4


class PatternError(Exception):
    """No text for this pattern: it is not understood, or nothing sampled matched it."""


def sample_pattern(
    pattern: str, source: random.Random, *, min_length: int = 0, max_length: int | None = None
) -> str:
    """Return a text in which the pattern is found, of a length within the bounds.

    Raises:
        PatternError: The pattern cannot be read, or no sample fitted.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        message = f"the pattern {pattern!r} is not a regular expression: {error}"
        raise PatternError(message) from error
    for _ in range(_ATTEMPTS):
        text = _Sampler(pattern, source).run()
        fits = min_length <= len(text) and (max_length is None or len(text) <= max_length)
        if fits and wanted.search(text):
            return text
    raise PatternError(f"no sample for the pattern {pattern!r} fits after {_ATTEMPTS} attempts")


class _Sampler:
    """Walks over a pattern once and samples as it goes (recursive descent)."""

    def __init__(self, pattern: str, source: random.Random) -> None:
        self._pattern = pattern
        self._source = source
        self._at = 0

    def run(self) -> str:
        text = self._alternatives()
        if self._at < len(self._pattern):
            raise PatternError(f"the pattern {self._pattern!r} has an unmatched ')'")
        return text

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _alternatives(self) -> str:
        """Read `a|b|c` and return a sample of one of them."""
        samples = [self._sequence()]
        while self._peek() == "|":
            self._take()
            samples.append(self._sequence())
        return self._source.choice(samples)

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._quantified())
        return "".join(parts)

    def _quantified(self) -> str:
        """Read an atom with its quantifier; each repetition is a sample of its own."""
        start = self._at
        text = self._atom()
        after_atom = self._at
        low, high = self._quantifier()
        after = self._at
        if (low, high) == (1, 1):
            return text
        parts = []
        for _ in range(self._source.randint(low, high)):
            self._at = start
            parts.append(self._atom())
            assert self._at == after_atom
        self._at = after
        return "".join(parts)

    def _quantifier(self) -> tuple[int, int]:
        found = re.compile(r"([*+?]|\{(\d+)(,?)(\d*)\})[?+]?").match(self._pattern, self._at)
        if not found:
            return 1, 1
        self._at = found.end()
        match found[1]:
            case "*":
                return 0, _REPEAT_EXTRA
            case "+":
                return 1, 1 + _REPEAT_EXTRA
            case "?":
                return 0, 1
        low = int(found[2])
        if not found[3]:
            return low, low
        return low, int(found[4]) if found[4] else low + _REPEAT_EXTRA

    def _atom(self) -> str:
        char = self._take()
        match char:
            case "^" | "$":
                return ""
            case ".":
                return self._source.choice(_WORD)
            case "(":
                return self._group()
            case "[":
                return self._source.choice(self._char_class())
            case "\\":
                return self._escape()
        return char

    def _group(self) -> str:
        keep = True
        prefix = re.compile(r"\?(:|P?<[A-Za-z_]\w*>|<?[=!])").match(self._pattern, self._at)
        if prefix:
            # Lookaround adds no text; the finished sample is checked against it.
            keep = prefix[1] not in {"=", "!", "<=", "<!"}
            self._at = prefix.end()
        elif self._peek() == "?":
            raise PatternError(f"the pattern {self._pattern!r} uses a kind of group not known here")
        text = self._alternatives()
        self._take()  # the compiled pattern vouches for the closing parenthesis
        return text if keep else ""

    def _escape(self) -> str:
        char = self._take()
        if char in {"b", "B", "A", "Z"}:
            return ""
        if char.isdigit() and char != "0":
            raise PatternError(f"the pattern {self._pattern!r} refers back to a group")
        return self._source.choice(self._escaped(char))

    def _escaped(self, char: str) -> str:
        """Return the characters an escape stands for."""
        if char in {"x", "u"}:
            width = 2 if char == "x" else 4
            code = self._pattern[self._at : self._at + width]
            self._at += width
            return chr(int(code, 16))
        if char.lower() in _CLASSES:
            members = _CLASSES[char.lower()]
            return members if char.islower() else _others(members + string.ascii_uppercase)
        return _CONTROLS.get(char, char)

    def _char_class(self) -> str:
        """Read `[...]` and return its members, printable ones if it is negated."""
        negated = self._peek() == "^"
        if negated:
            self._take()
        members: list[str] = []
        first = True
        while first or self._peek() != "]":
            first = False
            members.append(self._member())
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                self._take()
                low, high = ord(members[-1][0]), ord(self._member()[0])
                members[-1] = "".join(chr(code) for code in range(low, high + 1))
        self._take()
        joined = "".join(members)
        return _others(joined) if negated else joined

    def _member(self) -> str:
        char = self._take()
        return self._escaped(self._take()) if char == "\\" else char


def _others(members: str) -> str:
    """Return the printable characters that are not among those given."""
    others = "".join(char for char in _PRINTABLE if char not in members)
    if not others:
        raise PatternError("the pattern has a class with no printable member")
    return others
