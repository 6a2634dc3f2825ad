r"""Secrets become stable placeholders before anything is hashed or written.

A placeholder is `[redacted:` + 12 hex digits + `]`: a keyed hash of the secret, so
that equal secrets stay equal, keys of effects still match, and nobody can guess the
secret from its hash without the store's key. What counts as a secret:

* A JSON string that starts with `am-secret:`: how an SDK's `SecretStr` travels. The
  prefix stays, so that a replay reads the placeholder back as a secret. Found in
  nested JSON too (JSON inside a string of JSON, as in a model's tool calls).
* Whatever a pattern matches inside a JSON string or a text: its first group, or all
  of the match. A pattern sees JSON as it is written, quotes and all, but for escape
  sequences, which it sees as what they stand for. Only strings are changed, never a
  quote, so that JSON stays JSON. A secret in a number is not found.
* Whole values of HTTP headers with certain names.
* Whole values of JSON fields with certain names, for who asks for that when a run is
  exported: see `fields`.

Theory of operation. A replay sees placeholders where the run saw secrets, and must
compute the same digests: redacting is idempotent. Placeholders are never touched
again, and patterns are applied until nothing changes any more; both together make
the result a fixed point. It ends, because each round turns at least one character
that was not in a placeholder into one that is.

Most payloads have no secrets, so the first question is whether one could be there at
all. Whatever a pattern matches contains some rare character in a certain company:
looking for the character costs 30 ns, and only where it occurs, its company is looked at.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from agentmesh.errors import UsageError
from agentmesh.journal.fields import without_fields
from agentmesh.journal.strings import bytes_to_text, loads, text_to_bytes

SECRET_PREFIX = "am-secret:"  # noqa: S105 - names the mark, is no secret
"""How a secret's JSON string starts on the wire."""

_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4}))"
"""Nothing that a key could go on from: JSON inside JSON has its line ends as two characters."""

_HINTS = {
    _START + r"(sk-[A-Za-z0-9_-]{16,})": r"-(?<=sk-)",
    _START + r"Bearer\s+([A-Za-z0-9._~+/-]{8,}=*)": r"B(?=earer)",
    _START + r"((?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])": r"I(?<=A[KS]I)A",
    _START + r"(gh[pousr]_[A-Za-z0-9]{30,})": r"_(?<=gh[pousr]_)",
    _START + r"(github_pat_[A-Za-z0-9_]{30,})": r"_(?<=github_)pat_",
    _START + r"(xox[abprs]-[A-Za-z0-9-]{10,})": r"-(?<=xox[abprs]-)",
    _START + r"(AIza[A-Za-z0-9_-]{35})": r"I(?<=AI)za",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)-----END": r"B(?=EGIN )",
}
"""Patterns, and what is around a certain rare character wherever the pattern matches."""

DEFAULT_PATTERNS = tuple(_HINTS)
"""Keys of OpenAI and those who imitate it, bearer tokens, AWS, GitHub, Slack, Google, PEM."""

DEFAULT_HEADERS = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "ocp-apim-subscription-key",
        "openai-organization",
        "openai-project",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
        "x-goog-api-key",
    }
)
"""Names of HTTP headers whose values are secrets; lower case."""

_PLACEHOLDER = re.compile(r"\[redacted:[0-9a-f]{12}\]")
_MARKED = re.compile(r'(\\*)"' + SECRET_PREFIX)
_MARKED_IN_TEXT = re.compile(SECRET_PREFIX + r"([^\s\"'\\]+)")
_QUOTE = re.compile(r'(\\*)"')
_JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_UNIT = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\[^u]")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_RUN = re.compile(r'[^"\n]+')

Span = tuple[int, int]
Scope = Callable[[str], list[Span]]
"""Says which parts of a text may be replaced."""


class Redactor:
    """Finds secrets and puts placeholders in their place.

    Args:
        patterns: Regular expressions; the first group is the secret, or all of the match.
        headers: Names of HTTP headers, in any case.
        key: Makes placeholders unguessable; one per store (see `Store.redactor`).
        fields: Names of JSON fields whose values are secrets, at any depth.

    Raises:
        UsageError: A pattern is no regular expression.
    """

    def __init__(
        self,
        patterns: Sequence[str] = DEFAULT_PATTERNS,
        headers: Iterable[str] = DEFAULT_HEADERS,
        key: bytes = b"",
        fields: Iterable[str] = (),
    ) -> None:
        self.patterns = tuple(patterns)
        self.fields = frozenset(fields)
        self.headers = frozenset(name.lower() for name in headers)
        self._key = key
        self._compiled = [_compile(pattern) for pattern in self.patterns]
        hints = {pattern: _hint(pattern) for pattern in self.patterns}
        self._filters = _filters([_MARK_HINT, *filter(None, hints.values())])
        self._unfiltered = [_compile(pattern) for pattern in hints if not hints[pattern]]

    @property
    def key_id(self) -> str:
        """Names the key without giving it away: two runs compare only under one key."""
        return self._digest("agentmesh: name of this key")

    def with_more(self, patterns: Iterable[str], fields: Iterable[str]) -> "Redactor":
        """Return what redacts further secrets, too; itself, if there are none.

        Raises:
            UsageError: A pattern is no regular expression.
        """
        more = tuple(each for each in patterns if each not in self.patterns)
        wider = self.fields.union(fields)
        if not more and wider == self.fields:
            return self
        return Redactor((*self.patterns, *more), self.headers, self._key, wider)

    def json(self, data: bytes) -> bytes:
        """Return JSON with secrets replaced; the same object when there are none.

        Takes other bytes too, a piece of a stream, say. A secret that is cut in two by
        the end of a piece is not found.
        """
        if self.fields:
            data = without_fields(data, self.fields, self._hidden)
        for byte, company in self._filters:  # as `_suspicious`: a call costs as much as the loop
            if byte in data and company(data):
                return self._thoroughly(data)
        if self._unfiltered and self._suspicious(data):
            return self._thoroughly(data)
        return data

    def text(self, text: str) -> str:
        """Return text for people with secrets replaced; the same object when there are none."""
        if not self._suspicious(text.encode("utf-8", "surrogatepass")):
            return text
        changed = self._fixed_point(text, _whole)
        return text if changed == text else changed

    def header(self, name: str, value: str) -> str:
        """Return the value of an HTTP header as it may be recorded."""
        if name.lower() not in self.headers:
            return self.text(value)
        return value if _PLACEHOLDER.fullmatch(value) else self.placeholder(value)

    def placeholder(self, secret: str) -> str:
        """Return what stands for a secret."""
        return f"[redacted:{self._digest(secret)}]"

    def _hidden(self, value: str) -> str:
        return value if _PLACEHOLDER.fullmatch(value) else self.placeholder(value)

    def _digest(self, secret: str) -> str:
        data = secret.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, hashlib.sha256).hex()[:12]

    def _suspicious(self, data: bytes) -> bool:
        for byte, company in self._filters:
            if byte in data and company(data):
                return True
        if self._unfiltered:
            text = bytes_to_text(data)
            return any(pattern.search(text) for pattern in self._unfiltered)
        return False

    def _thoroughly(self, data: bytes) -> bytes:
        text = bytes_to_text(data)
        changed = self._fixed_point(text, _strings if _is_json(data) else _runs)
        return data if changed == text else text_to_bytes(changed)

    def _fixed_point(self, text: str, scope: Scope) -> str:
        while True:
            before = text
            text = self._marked(text)
            for pattern in (_MARKED_IN_TEXT, *self._compiled):
                text = self._matched(text, pattern, scope)
            if text == before:
                return text

    def _marked(self, text: str) -> str:
        """Replace the values of strings that carry the mark, at any depth of nesting."""
        if SECRET_PREFIX not in text:
            return text
        pieces, done = [], 0
        for match in _MARKED.finditer(text):
            start = match.end()
            end = _end_of_string(text, start, len(match[1]))
            secret = text[start:end]
            if start < done or not secret or _PLACEHOLDER.fullmatch(secret):
                continue
            pieces += [text[done:start], self.placeholder(secret)]
            done = end
        return "".join([*pieces, text[done:]])

    def _matched(self, text: str, pattern: re.Pattern[str], scope: Scope) -> str:
        """Replace what a pattern matches, outside placeholders and within the scope."""
        group = 1 if pattern.groups else 0
        seen = text if scope is _whole else _ESCAPE.sub(_unescaped, text)
        spans = sorted(match.span(group) for match in pattern.finditer(seen) if match[group])
        if not spans:
            return text
        allowed = _gaps(text, scope(text))
        pieces, done = [], 0
        for start, end in _intersections(spans, allowed):
            first, last = _aligned(text, start, end, allowed)
            first = max(first, done)
            if first < last:
                pieces += [text[done:first], self.placeholder(text[first:last])]
                done = last
        return "".join([*pieces, text[done:]])


def _end_of_string(text: str, start: int, backslashes: int) -> int:
    """Find where a string ends that a quote with so many backslashes before it opened.

    JSON inside a string of JSON has one backslash before its quotes, JSON inside that
    has three, and so on: `m` at one level are `2m + 1` at the next.
    """
    for match in _QUOTE.finditer(text, start):
        count = len(match[1])
        if count < backslashes:
            return match.start()
        if count % (2 * (backslashes + 1)) == backslashes:
            return match.end() - 1 - backslashes
    return len(text)


def _whole(text: str) -> list[Span]:
    return [(0, len(text))]


def _strings(text: str) -> list[Span]:
    """Return where the contents of JSON's strings are."""
    return [match.span(1) for match in _JSON_STRING.finditer(text)]


def _runs(text: str) -> list[Span]:
    """Return where neither quotes nor line ends are."""
    return [match.span() for match in _RUN.finditer(text)]


def _unescaped(match: re.Match[str]) -> str:
    """Return what an escape sequence stands for, as often as it is long: places stay the same."""
    escape = match[0]
    digits = escape[2:]
    if digits:
        return chr(int(digits, 16)) * len(escape)
    return _ESCAPES.get(escape[1], escape[1]) * len(escape)


def _is_json(data: bytes) -> bool:
    try:
        loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _gaps(text: str, spans: list[Span]) -> list[Span]:
    """Cut placeholders out of spans."""
    held = [match.span() for match in _PLACEHOLDER.finditer(text)]
    if not held:
        return spans
    edges = [0, *(edge for span in held for edge in span), len(text)]
    return list(_intersections(list(zip(edges[::2], edges[1::2], strict=True)), spans))


def _intersections(left: list[Span], right: list[Span]) -> Iterator[Span]:
    """Yield the non-empty intersections of two sorted lists of spans, in order."""
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i][0], right[j][0])
        end = min(left[i][1], right[j][1])
        if start < end:
            yield start, end
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def _aligned(text: str, start: int, end: int, allowed: list[Span]) -> Span:
    """Widen a span so that it cuts no escape sequence in two."""
    low, high = next(span for span in allowed if span[0] <= start and end <= span[1])
    if "\\" not in text[low:high]:
        return start, end
    edges = [low, *(match.end() for match in _UNIT.finditer(text, low, high))]
    return max(e for e in edges if e <= start), min(e for e in edges if e >= end)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise UsageError(
            f"The redaction pattern {pattern!r} is no regular expression: {error}.",
            cause="Patterns are written as for Python's re module.",
            fix="Correct the pattern in the settings.",
        ) from error


def _hint(pattern: str) -> str:
    """Return a rare character, then its company, in whatever the pattern matches; or nothing.

    For a pattern of a user it is taken from the plain characters that the pattern
    starts with, unless there are alternatives or flags.
    """
    if pattern in _HINTS:
        return _HINTS[pattern]
    plain = _PLAIN_START.match(pattern)
    if plain is None or "|" in pattern or "(?" in pattern or len(plain[1]) < _PLAIN_MIN:
        return ""
    literal = plain[1]
    at = max(range(len(literal)), key=lambda index: _rarity(literal[index]))
    before, after = re.escape(literal[: at + 1]), re.escape(literal[at + 1 :])
    return f"{literal[at]}(?<={before}){after}"


def _filters(hints: Iterable[str]) -> list[tuple[int, Callable[[bytes], object]]]:
    """Return one search for each rare character of some hints."""
    groups: dict[str, dict[str, None]] = {}
    for hint in hints:
        groups.setdefault(hint[0], {})[hint[1:]] = None
    return [
        (ord(character), re.compile(f"{re.escape(character)}(?:{'|'.join(rest)})".encode()).search)
        for character, rest in groups.items()
    ]


def _rarity(character: str) -> int:
    """Rank an ASCII character by how seldom JSON has it."""
    found = _COMMON.find(character)
    return found if found >= 0 else len(_COMMON)


_MARK_HINT = r"-(?<=am-)secret:"
_PLAIN_START = re.compile(r"(?:\\b)?\(?((?:[A-Za-z0-9_:=@/-](?![*?{]))+)")
_PLAIN_MIN = 3
_COMMON = "etaoinsrhldcumfpgwybvkxjqz0123456789 ,:"
"""From the most to the least frequent in JSON; other characters are rarer still."""
