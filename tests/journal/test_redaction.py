"""Secrets never reach a journal, and what stands for them is stable."""

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentmesh.errors import UsageError
from agentmesh.journal.redaction import DEFAULT_PATTERNS, SECRET_PREFIX, Redactor

REDACTOR = Redactor(key=b"key")
SECRETS = {
    "openai": "sk-proj-Abc123Abc123Abc123_x-9",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "aws temporary": "ASIAIOSFODNN7EXAMPLE",
    "github": "ghp_" + "a1B2" * 9,
    "github fine-grained": "github_pat_" + "a1B2_" * 8,
    "slack": "xoxb-1234567890-abcdef",
    "google": "AIza" + "Sy_-B" * 7,
}
PLACEHOLDER = re.compile(r"\[redacted:[0-9a-f]{12}\]")
values = st.recursive(
    st.text(max_size=10)
    | st.sampled_from([*SECRETS.values(), "Bearer abcdefgh12345", SECRET_PREFIX + 'p"\\\n é'])
    | st.integers()
    | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
user_patterns = st.lists(
    st.sampled_from(
        [
            r"password=(\S+)",
            r"\w+=\S+",
            r"[a-f0-9:\[\]]{4,}",
            r"\bfoo\b",
            r"X|Y",
            r"(?i)secret\d",
            r".",
            r"\\",
            r'"text":\s*"([^"]*)"',
            r"(?=(ab))",
        ]
    ),
    max_size=3,
)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_known_kind_of_key_is_replaced_in_json(secret: str) -> None:
    """Somebody pasted a key into a chat message."""
    data = json.dumps({"text": f"use {secret} please"}).encode()
    text = json.loads(REDACTOR.json(data))["text"]

    assert secret not in text
    assert PLACEHOLDER.sub("*", text) == "use * please"


def test_a_bearer_token_keeps_its_name_and_loses_its_value() -> None:
    """An error message quotes the header that was sent."""
    data = b'{"text":"sent Authorization: Bearer abc.def-123456"}'

    assert PLACEHOLDER.sub("*", REDACTOR.json(data).decode()) == (
        '{"text":"sent Authorization: Bearer *"}'
    )


def test_a_private_key_is_replaced() -> None:
    """A configuration file was sent along."""
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"
    data = json.dumps(pem).encode()

    assert b"MIIEow" not in REDACTOR.json(data)
    assert "MIIEow" not in REDACTOR.text(pem)
    assert b"IBAAKC" not in REDACTOR.json(pem.encode())


def test_a_marked_secret_stays_marked() -> None:
    """A replay must read the placeholder back as a secret."""
    redacted = json.loads(REDACTOR.json(b'{"key":"am-secret:hunter2","n":1}'))

    assert redacted["n"] == 1
    assert PLACEHOLDER.fullmatch(redacted["key"].removeprefix(SECRET_PREFIX))


@given(st.text(min_size=1, max_size=12), st.integers(0, 3))
def test_a_marked_secret_is_found_in_json_inside_json(secret: str, depth: int) -> None:
    """A model calls a tool with arguments that are JSON in a string."""
    value: object = [SECRET_PREFIX + secret, "after"]
    for _ in range(depth):
        value = ["before", json.dumps(value), "after"]
    value = json.loads(REDACTOR.json(json.dumps(value).encode()))
    for _ in range(depth):
        assert isinstance(value, list)
        assert value[::2] == ["before", "after"]
        value = json.loads(value[1])
    assert isinstance(value, list)

    assert value[1] == "after"
    assert PLACEHOLDER.fullmatch(value[0].removeprefix(SECRET_PREFIX))


def test_equal_secrets_have_equal_placeholders_and_others_have_not() -> None:
    """Keys of effects must still match."""
    one, same, other = (REDACTOR.placeholder(secret) for secret in ("a", "a", "b"))

    assert one == same != other


@pytest.mark.parametrize("before", ["密钥", "\n", "a\\", "(", "€\t"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_key_is_found_whatever_stands_before_it(before: str, depth: int) -> None:
    """In JSON a line end is two characters, the last of them a letter."""
    data = before + SECRETS["openai"]
    for _ in range(depth + 1):
        data = json.dumps(data)

    assert SECRETS["openai"].encode() not in REDACTOR.json(data.encode())


def test_a_word_that_only_looks_like_a_key_stays() -> None:
    """Words with hyphens are common."""
    data = b'"the task-management-system-overview and a risk-assessment-of-sorts"'

    assert REDACTOR.json(data) == data


def test_another_store_has_other_placeholders() -> None:
    """Nobody learns from two published runs that they shared a password."""
    assert Redactor(key=b"another").placeholder("a") != REDACTOR.placeholder("a")
    assert Redactor(key=b"another").key_id != REDACTOR.key_id


@given(values)
def test_redacting_twice_changes_nothing_more(value: object) -> None:
    """A replay sees placeholders where the run saw secrets."""
    data = json.dumps(value).encode()
    once = REDACTOR.json(data)

    assert REDACTOR.json(once) is once
    json.loads(once)


@given(values, user_patterns, st.booleans())
def test_patterns_of_users_are_applied_to_the_end(
    value: object, patterns: list[str], ascii_only: object
) -> None:
    """Patterns overlap, match placeholders, quotes and escapes: JSON stays JSON all the same."""
    redactor = Redactor(patterns, key=b"key")
    data = json.dumps(value, ensure_ascii=bool(ascii_only)).encode("utf-8", "surrogatepass")
    once = redactor.json(data)

    assert redactor.json(once) == once
    assert shape(json.loads(once.decode("utf-8", "surrogatepass"))) == shape(value)


@given(st.text(st.characters(codec=None)), user_patterns)
def test_texts_and_raw_bytes_are_fixed_points_too(text: str, patterns: list[str]) -> None:
    """Tracebacks and pieces of streams are redacted as well."""
    redactor = Redactor([*patterns, *DEFAULT_PATTERNS], key=b"key")
    once = redactor.text(text)
    raw = redactor.json(text.encode("utf-8", "surrogatepass"))

    assert redactor.text(once) == once
    assert redactor.json(raw) == raw


@given(st.binary())
def test_bytes_without_secrets_are_returned_as_they_are(data: bytes) -> None:
    """The common case costs no copy."""
    assume(SECRET_PREFIX.encode() not in data)

    assert Redactor(patterns=()).json(data) is data


@pytest.mark.parametrize("pattern", DEFAULT_PATTERNS)
def test_the_quick_look_overlooks_nothing(pattern: str) -> None:
    """The search for a rare character must find whatever the pattern would."""
    redactor = Redactor([pattern], key=b"key")

    @given(st.from_regex(re.compile(pattern, re.DOTALL | re.ASCII)))
    def check(text: str) -> None:
        assert redactor.text(text) != text

    check()


def test_a_pattern_without_plain_start_works_too() -> None:
    """There is nothing to look for quickly: the pattern itself is tried."""
    redactor = Redactor([r"\d{4}-\d{4}"], key=b"key")

    assert PLACEHOLDER.fullmatch(json.loads(redactor.json(b'"1234-5678"')))
    assert PLACEHOLDER.fullmatch(json.loads(Redactor([r"tok_\w+"]).json(b'"tok_abc"')))


def test_numbers_are_left_alone() -> None:
    """A number that became a string would no longer validate."""
    assert Redactor([r"\d+"]).json(b'{"n":1234}') == b'{"n":1234}'


def test_secrets_in_a_piece_of_a_stream_are_replaced() -> None:
    """Server-sent events are not JSON as a whole."""
    piece = b'data: {"text":"key sk-abcdefgh12345678 end"}\n\nsk-abcdefgh12345678'
    redacted = REDACTOR.json(piece).decode()

    assert PLACEHOLDER.sub("*", redacted) == 'data: {"text":"key * end"}\n\n*'


@pytest.mark.parametrize("name", ["Authorization", "api-key", "X-API-Key", "Set-Cookie"])
def test_values_of_secret_headers_are_replaced_whole(name: str) -> None:
    """An HTTP request is recorded."""
    value = REDACTOR.header(name, "anything at all")

    assert PLACEHOLDER.fullmatch(value)
    assert REDACTOR.header(name, value) == value


def test_other_headers_stay() -> None:
    """Content types matter for a replay."""
    assert REDACTOR.header("Content-Type", "application/json") == "application/json"


def test_a_pattern_that_is_none_is_refused() -> None:
    """A parenthesis is missing."""
    with pytest.raises(UsageError, match=r"\(abc.*no regular expression"):
        Redactor(["(abc"])


def shape(value: object) -> object:
    """Return a value with its strings blanked out; keys may have become equal."""
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, dict | str):
        return type(value)
    return value
