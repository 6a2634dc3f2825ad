"""Random programs, as hypothesis draws and shrinks them."""

from hypothesis import strategies as st

from agentmesh.kernel.supervision import ESCALATE, RESTART, STOP, Policy
from agentmesh.kernel.waiting import OVERFLOWS
from tests.kernel.world import CELLS, HANDLERS, Setting

_KEYS = st.integers(0, CELLS - 1)
_HANDLERS = st.sampled_from(HANDLERS)
_MS = st.sampled_from([0, 1, 3, 10])
_TAKE = st.integers(1, 3)
_EFFECTS = st.sampled_from("ab")


def _op(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    return st.tuples(st.just(name), *arguments).map(list)


_PLAIN = ("draw", "clock", "count", "tasks", "fail", "executor", "wait", "onward", "pause")

_LEAVES = st.one_of(
    _op("effect", _EFFECTS),
    _op("ask", _KEYS, _HANDLERS),
    _op("stream", _KEYS, _HANDLERS, _TAKE),
    _op("model", _TAKE),
    _op("tell", _KEYS, _HANDLERS),
    _op("give", _TAKE),
    _op("sleep", _MS),
    _op("callback", _MS),
    st.sampled_from(_PLAIN).map(lambda name: [name]),
    _op("stop", _KEYS),
    _op("monitor", _KEYS),
)


def _nests(children: st.SearchStrategy[list[object]]) -> st.SearchStrategy[list[object]]:
    block = st.lists(children, min_size=1, max_size=3)
    blocks = st.lists(block, min_size=2, max_size=4)
    return st.one_of(
        _op("gather", blocks),
        _op("group", blocks),
        _op("first", blocks),
        _op("each", blocks),
        _op("timeout", _MS, block),
        _op("wait_for", _MS, block),
        _op("shield", _MS, block),
        _op("cancel", _MS, block),
        _op("lock", block),
        _op("semaphore", block),
        _op("notify", block),
        _op("queue", block),
        _op("generator", _TAKE, block),
        _op("leave", block),
        _op("catch", block),
        _op("stubborn", block, block),
        _op("careful", block, block),
    )


_BLOCKS = st.lists(st.recursive(_LEAVES, _nests, max_leaves=8), min_size=1, max_size=4)

_POLICIES = st.builds(
    Policy,
    on_failure=st.sampled_from([RESTART, RESTART, RESTART, STOP, ESCALATE]),
    last_good=st.booleans(),
    attempts=st.integers(1, 3),
    intensity=st.sampled_from([3, 3, 10]),
    period_ns=st.sampled_from([5_000_000, 1_000_000_000]),
    then=st.sampled_from([STOP, ESCALATE]),
    backoff_ns=st.sampled_from([0, 1_000_000]),
    backoff_max_ns=st.just(5_000_000),
)

SETTINGS = st.builds(
    Setting,
    program=st.fixed_dictionaries(dict.fromkeys(HANDLERS, _BLOCKS)),
    concurrency=st.sampled_from([1, 1, 2, 3]),
    reentrant=st.booleans(),
    deadline_ms=st.sampled_from([0, 0, 8, 40]),
    messages=st.integers(1, 3),
    supervision=st.none() | _POLICIES,
    mailbox=st.sampled_from([None, 1, 2]),
    overflow=st.sampled_from(OVERFLOWS),
)
"""A program, and the way in which it is run."""
