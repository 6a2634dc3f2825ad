"""Random programs for `random_programs`, by hypothesis."""

from random import Random

from hypothesis import strategies as st

MILLISECONDS = st.sampled_from([0, 1, 2, 5])
KEYS = st.sampled_from(["a", "b"])

_LEAVES = st.one_of(
    st.builds(lambda ms: {"op": "sleep", "ms": ms}, MILLISECONDS),
    st.sampled_from([{"op": name} for name in ("random", "clock", "uuid", "count", "log", "fail")]),
    st.builds(lambda ms, fail: {"op": "tool", "ms": ms, "fail": fail}, MILLISECONDS, st.booleans()),
    st.builds(lambda ms: {"op": "thread", "ms": ms}, MILLISECONDS),
)


def _nested(children):
    body = st.lists(children, min_size=1, max_size=3)
    bodies = st.lists(body, min_size=2, max_size=3)
    return st.one_of(
        st.builds(
            lambda agent, key, body: {"op": "ask", "agent": agent, "key": key, "body": body},
            st.sampled_from(["Left", "Right"]),
            KEYS,
            body,
        ),
        st.builds(lambda key, body: {"op": "tell", "key": key, "body": body}, KEYS, body),
        st.builds(
            lambda key, body, take: {"op": "stream", "key": key, "body": body, "take": take},
            KEYS,
            body,
            st.integers(1, 3),
        ),
        st.builds(
            lambda op, bodies: {"op": op, "bodies": bodies},
            st.sampled_from(["gather", "first", "group", "each"]),
            bodies,
        ),
        st.builds(
            lambda op, ms, body: {"op": op, "ms": ms, "body": body},
            st.sampled_from(["timeout", "wait_for"]),
            MILLISECONDS,
            body,
        ),
        st.builds(
            lambda op, body: {"op": op, "body": body},
            st.sampled_from(["lock", "queue", "leave", "catch"]),
            body,
        ),
    )


def operations():
    """A list of operations, a few levels deep."""
    one = st.recursive(_LEAVES, _nested, max_leaves=12)
    return st.lists(one, min_size=1, max_size=4)


_PLAIN = ("random", "clock", "uuid", "count", "log", "fail")
_BODIES = ("gather", "first", "group", "each")
_BODY = ("lock", "queue", "leave", "catch", "timeout", "wait_for", "ask", "tell", "stream")


def some_operations(source: Random, depth: int = 3) -> list[dict[str, object]]:
    """The same programs from a plain generator: for runs that hold hundreds of them."""
    return [_some(source, depth) for _ in range(source.randint(1, 3))]


def _some(source: Random, depth: int) -> dict[str, object]:
    milliseconds = source.choice([0, 1, 2, 5])
    if not depth or source.random() < 0.4:
        operation = source.choice([*_PLAIN, "sleep", "tool", "thread"])
        return {"op": operation, "ms": milliseconds, "fail": source.random() < 0.3}
    if source.random() < 0.4:
        bodies = [some_operations(source, depth - 1) for _ in range(source.randint(2, 3))]
        return {"op": source.choice(_BODIES), "bodies": bodies}
    return {
        "op": source.choice(_BODY),
        "ms": milliseconds,
        "agent": source.choice(["Left", "Right"]),
        "key": source.choice(["a", "b"]),
        "take": source.randint(1, 3),
        "body": some_operations(source, depth - 1),
    }
