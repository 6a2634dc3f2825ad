"""Ways to break a record, and which check must say so."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from agentmesh.journal.records import Sent
from agentmesh.kernel.commands import CancelEffect, CancelTimer, FinishTurn, StartEffect, StartTimer
from agentmesh.kernel.envelope import ASK, CANCEL, CHUNK, FAIL, REPLY, TELL
from agentmesh.kernel.events import Delivered, EffectFinished, Started, TimerFired
from tests.causality.tampering import Record, Tamper, at, find, put, sent_kind


def drop(cls: type, where: Callable[[object], bool] = lambda _body: True) -> Tamper:
    """Leave the first such record out."""
    return lambda record: put(record, find(record, cls, where))


def double(cls: type, where: Callable[[object], bool] = lambda _body: True) -> Tamper:
    """Have the first such record twice."""

    def tamper(record: Record) -> None:
        place = find(record, cls, where)
        body = at(record, place)
        put(record, place, body, body)

    return tamper


def alter(cls: type, where: Callable[[object], bool], **changes: object) -> Tamper:
    """Change fields of the first such record; of its envelope, if it delivers one."""

    def tamper(record: Record) -> None:
        place = find(record, cls, where)
        body: Any = at(record, place)
        if isinstance(body, Delivered):
            put(record, place, replace(body, envelope=replace(body.envelope, **changes)))
        else:
            put(record, place, replace(body, **changes))

    return tamper


def swap_tells(record: Record) -> None:
    """Deliver two messages of one sender the other way round."""
    places = [
        (address, step.number, 0)
        for address, steps in record.items()
        for step in steps
        if address == "Left/b" and isinstance(step.event, Delivered)
    ]
    one, other = (record[place[0]][place[1]].event for place in places[:2])
    assert isinstance(one, Delivered)
    assert isinstance(other, Delivered)
    put(record, places[0], replace(one, envelope=other.envelope))
    put(record, places[1], replace(other, envelope=one.envelope))
    ends = [
        (address, step.number, index)
        for address, steps in record.items()
        for step in steps
        for index, body in enumerate(step.commands, 1)
        if address == "Left/b" and isinstance(body, FinishTurn)
    ]
    first, second = (at(record, place) for place in ends)
    put(record, ends[0], second)
    put(record, ends[1], first)


def deliver_elsewhere(record: Record) -> None:
    """A message is in the journal of an agent that it was not for."""
    address, number, _ = find(record, Delivered, sent_kind(CHUNK))
    event = record[address][number].event
    put(record, (address, number, 0))
    record["Left/b"].append(
        replace(record["Left/b"][-1], number=len(record["Left/b"]), event=event, commands=())
    )


def lose_a_sender(record: Record) -> None:
    """An agent's whole journal is gone, and what others got of it is still there."""
    del record["Right/a"]


def ask_too_late(record: Record) -> None:
    """The workflow asks in its last step what was answered long before."""
    asks = [
        (address, step.number, index)
        for address, steps in record.items()
        for step in steps
        for index, body in enumerate(step.commands, 1)
        if isinstance(body, Sent) and body.kind == ASK
    ]
    last = asks[-1]
    ask, steps = at(record, last), record[last[0]]
    put(record, last)
    steps[-1] = replace(steps[-1], commands=(ask, *steps[-1].commands))


def go_back_in_time(record: Record) -> None:
    """A step's time is a nanosecond before that of the step before."""
    steps = record["Left/a"]
    steps[-1] = replace(steps[-1], event=replace(steps[-1].event, at=steps[-2].event.at - 1))


def cut_in_the_middle(record: Record) -> None:
    """A step in the middle has no commands, as if the host had died in it."""
    steps = record["Left/b"]
    assert not steps[0].commands
    steps[0] = replace(steps[0], handled=False)


def start_again(record: Record) -> None:
    """An agent has two starts."""
    put(record, ("Left/b", 0, 0), *[record["Left/b"][0].event] * 2)


BREAKS: dict[str, tuple[Tamper, list[str]]] = {
    "an end is missing": (drop(FinishTurn), ["turns"]),
    "an end is there twice": (double(FinishTurn), ["turns"]),
    "an end names no state": (alter(FinishTurn, lambda _: True, outcome="lost"), ["turns"]),
    "an end is of another message": (
        alter(
            FinishTurn,
            lambda body: not getattr(body, "message", "").startswith("@"),
            message="X/y#1",
        ),
        ["turns"],
    ),
    "a reply is missing at the receiver": (
        drop(Delivered, sent_kind(CHUNK)),
        ["delivery"],
    ),
    "a message is delivered twice": (double(Delivered, sent_kind(CHUNK)), ["delivery"]),
    "a tell is delivered twice": (double(Delivered, sent_kind(TELL)), ["delivery"]),
    "a message is in the wrong journal": (deliver_elsewhere, ["asks", "delivery"]),
    "two messages are swapped": (swap_tells, ["order"]),
    "a payload is another": (
        alter(Delivered, sent_kind(REPLY), payload=b'"forged"'),
        ["content"],
    ),
    "a digest is another": (alter(Sent, sent_kind(REPLY), digest=1), ["content"]),
    "a deadline is another": (alter(Delivered, sent_kind(TELL), deadline=1), ["content"]),
    "a send is missing": (drop(Sent, sent_kind(CHUNK)), ["write-ahead"]),
    "a journal is missing": (lose_a_sender, ["delivery", "write-ahead"]),
    "the root's answer is missing": (
        drop(Sent, lambda body: getattr(body, "dst", "") == "@client"),
        ["asks"],
    ),
    "an answer is there twice": (double(Sent, sent_kind(FAIL)), ["asks", "order"]),
    "a withdrawal is of no ask": (
        alter(Sent, lambda body: getattr(body, "dst", "") == "@client", kind=CANCEL, re=999),
        ["asks"],
    ),
    "a question comes after its answer": (ask_too_late, ["asks", "causality"]),
    "time goes back": (go_back_in_time, ["time"]),
    "commands are missing": (cut_in_the_middle, ["steps"]),
    "an agent starts twice": (start_again, ["steps"]),
    "an agent does not start": (drop(Started), ["steps"]),
    "an effect does not end": (drop(EffectFinished), ["effects"]),
    "an effect ends twice": (double(EffectFinished), ["effects"]),
    "an effect ends that is another": (alter(EffectFinished, lambda _: True, n=77), ["effects"]),
    "an effect has no start": (drop(StartEffect), ["effects"]),
    "an effect starts twice": (double(StartEffect), ["effects"]),
    "an effect is not cancelled": (drop(CancelEffect), ["effects"]),
    "an effect is cancelled twice": (double(CancelEffect), ["effects"]),
    "a timer does not fire": (drop(TimerFired), ["timers"]),
    "a timer fires twice": (double(TimerFired), ["timers"]),
    "a timer is not set": (drop(StartTimer), ["timers"]),
    "a timer is set twice": (double(StartTimer), ["timers"]),
    "a timer is not cancelled": (drop(CancelTimer), ["timers"]),
}
