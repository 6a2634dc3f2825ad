"""What the journal's tests share: strategies for records, and small runs."""

import itertools
import json
from pathlib import Path

from hypothesis import strategies as st

from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.log import Durability, LogWriter
from agentmesh.journal.redaction import Redactor
from agentmesh.kernel.commands import (
    OUTCOMES,
    AnyCommand,
    CancelEffect,
    CancelTimer,
    FinishTurn,
    Log,
    Send,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import (
    AnyEvent,
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
    TimerFired,
)

KEY = b"a key that only tests know"
PLAIN = Redactor(patterns=(), key=KEY)
"""Changes nothing but marked secrets."""

counts = st.integers(0, 2**40)
times = st.integers(0, 2**62)
words = st.text(st.characters(codec=None), max_size=12)
"""Any text, lone surrogates among it."""
addresses = st.one_of(
    st.builds("{}/{}".format, st.sampled_from("AB"), st.integers(0, 3)),
    st.builds("{}/{}".format, words, words),
)
json_texts = st.one_of(
    st.just(b""),
    st.just(b'{"text":"a\\ud800b"}'),
    st.just(b'{"n":NaN}'),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ).map(lambda value: json.dumps(value).encode()),
)
payloads = json_texts | st.binary(max_size=40)

envelopes = st.builds(
    Envelope,
    src=addresses,
    n=counts,
    dst=addresses,
    kind=st.integers(0, 7),
    handler=words,
    type=words,
    payload=payloads,
    re=counts,
    deadline=times,
    chain=st.lists(addresses, max_size=2).map(tuple),
    note=words,
)
events = st.one_of(
    st.builds(Started, times, addresses, words, st.integers(0, 9), payloads),
    st.builds(Delivered, times, envelopes),
    st.builds(EffectFinished, times, counts, counts, payloads),
    st.builds(EffectFailed, times, counts, counts, payloads, words),
    st.builds(EffectStreamed, times, counts, counts, payloads),
    st.builds(TimerFired, times, counts, counts),
    st.builds(Cancelled, times, words, words),
    st.builds(Stopped, times, words),
)
commands = st.one_of(
    st.builds(Send, counts, envelopes),
    st.builds(StartEffect, counts, counts, words, words, words, payloads, times),
    st.builds(CancelEffect, counts, counts),
    st.builds(StartTimer, counts, counts, times),
    st.builds(CancelTimer, counts, counts),
    st.builds(Log, counts, words, words, payloads),
    st.builds(FinishTurn, counts, words, st.sampled_from(OUTCOMES), payloads, words),
)
histories = st.dictionaries(
    addresses,
    st.lists(st.tuples(events, st.none() | st.lists(commands, max_size=3)), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)
"""What happened to some agents: events, each with its commands, or None if a crash came first."""

_serial = itertools.count()


def new_log(folder: Path, durability: Durability = "process") -> LogWriter:
    """Start a log in a folder, under a name of its own."""
    path = folder / f"log-{next(_serial)}.log"
    return LogWriter(path, BodyEncoder(PLAIN), run="r1", host="h", durability=durability)


def delivered(at: int, text: str = "hello", n: int = 1) -> Delivered:
    """Return a message's arrival."""
    payload = b'{"text":"%s"}' % text.encode()
    return Delivered(at, Envelope("A/1", n, "B/1", 0, "answer", "Question", payload))


History = dict[str, list[tuple[AnyEvent, list[AnyCommand] | None]]]


def write_history(log: LogWriter, history: History) -> None:
    """Write what happened to some agents, step by step; a step is a frame or two."""
    for address, steps in history.items():
        for number, (event, issued) in enumerate(steps):
            log.event(address, number, event)
            log.commit()
            if issued is not None:
                log.commands(address, number, issued)
    log.commit()
