"""Random programs for `random_programs`, by hypothesis."""

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
