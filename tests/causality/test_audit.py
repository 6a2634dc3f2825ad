"""The audit: good runs pass, and for each way to break a record the right check says so."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

import agentmesh as am
from agentmesh.causality.audit import Audit, audit
from agentmesh.causality.findings import CHECKS, KEPT_MAX
from agentmesh.journal.records import Sent
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import CancelEffect, CancelTimer, FinishTurn, StartEffect, StartTimer
from agentmesh.kernel.envelope import ASK, CANCEL, CHUNK, FAIL, REPLY, TELL
from agentmesh.kernel.events import Delivered, EffectFinished, Started, TimerFired
from tests.causality.tampering import Record, Recorded, Tamper, at, find, put, sent_kind, write
from tests.replay import program_strategies, random_programs

_serial = itertools.count()


def audited(folder: Path) -> Audit:
    """Audit the record in a folder."""
    with Store(str(folder.parent)).open_run(folder) as run:
        return audit(run)


def wrong(found: Audit) -> list[str]:
    """Return the names of the checks that found violations, sorted."""
    return sorted(check.name for check in found.checks if check.violations)


def is_open(found: Audit) -> list[str]:
    """Return the names of the checks that found something open, sorted."""
    return sorted(check.name for check in found.checks if check.open)


# --- ways to break a record -------------------------------------------------------------------


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


def test_a_good_run_passes_every_check(good: Recorded, tmp_path: Path) -> None:
    """Each check has looked at something, in the sealed run and in its log alike."""
    sealed = audited(good.store / good.run)
    logged = audited(good.tampered(lambda _record: None, tmp_path))

    assert [check.name for check in sealed.checks] == list(CHECKS)
    assert all(check.checked for check in sealed.checks)
    assert (wrong(sealed), sealed.open, sealed.settled) == ([], 0, True)
    assert logged == sealed


@pytest.mark.parametrize("name", BREAKS)
def test_the_right_check_finds_what_is_wrong(name: str, good: Recorded, tmp_path: Path) -> None:
    """The record was written anew with one thing changed; no other check complains."""
    tamper, expected = BREAKS[name]
    found = audited(good.tampered(tamper, tmp_path))

    assert wrong(found) == expected, [str(one) for one in found.findings]


@pytest.mark.parametrize("name", ["an end is missing", "a timer does not fire"])
def test_what_is_open_in_a_run_that_goes_on_is_no_violation(
    name: str, good: Recorded, tmp_path: Path
) -> None:
    """The same records as above, of a run that is said to go on."""
    tamper, expected = BREAKS[name]
    found = audited(good.tampered(tamper, tmp_path, "running"))

    assert (wrong(found), is_open(found), found.settled) == ([], expected, False)


@pytest.mark.parametrize(
    "name", ["a payload is another", "a send is missing", "an end is there twice"]
)
def test_what_is_wrong_is_wrong_in_a_run_that_goes_on(
    name: str, good: Recorded, tmp_path: Path
) -> None:
    """Nothing that may yet come would put it right."""
    tamper, expected = BREAKS[name]
    found = audited(good.tampered(tamper, tmp_path, "running"))

    assert wrong(found) == expected


def test_a_message_that_later_ones_have_overtaken_is_lost(good: Recorded, tmp_path: Path) -> None:
    """Even while the run goes on: between two agents nothing overtakes."""
    found = audited(good.tampered(drop(Delivered, sent_kind(CHUNK)), tmp_path, "running"))

    assert wrong(found) == ["delivery"]
    assert "was not delivered, and #" in found.findings[0].what


def test_a_run_that_broke_off_is_not_held_to_its_end(good: Recorded, tmp_path: Path) -> None:
    """It is failed, and its root never ended: a cluster that went away."""
    folder = good.tampered(
        drop(FinishTurn, lambda body: getattr(body, "message", "").startswith("@")),
        tmp_path,
        "failed",
    )
    found = audited(folder)

    assert (wrong(found), is_open(found), found.settled) == ([], ["turns"], False)


def test_a_crash_at_any_step_leaves_things_open_and_nothing_wrong(
    good: Recorded, tmp_path: Path
) -> None:
    """Every beginning of a run is a good record, with and without its last commands."""
    whole = good.steps()
    order = sorted(
        (step.event.at, place, step.number)
        for place, steps in enumerate(whole.values())
        for step in steps
    )
    addresses = list(whole)
    for end, handled in itertools.product(range(1, len(order) + 1), (True, False)):

        def cut(record: Record, end: int = end, *, handled: bool = handled) -> None:
            for address in addresses:
                record[address].clear()
            for _, place, number in order[:end]:
                record[addresses[place]].append(whole[addresses[place]][number])
            if not handled:
                last = record[addresses[order[end - 1][1]]]
                last[-1] = replace(last[-1], commands=(), handled=False)

        folder = good.tampered(cut, tmp_path / f"{end}-{handled}", "running")
        found = audited(folder)
        assert wrong(found) == [], (end, handled, [str(one) for one in found.findings])


def test_a_step_that_is_missing_is_reported_with_its_agent(good: Recorded, tmp_path: Path) -> None:
    """The agent can't be read any further; nobody is accused on its account."""

    def lose(record: Record) -> None:
        del record["Left/a"][2]

    found = audited(good.tampered(lose, tmp_path))

    assert wrong(found) == ["steps"], [str(one) for one in found.findings]
    (finding,) = found.findings
    assert finding.agent == "Left/a"
    assert "step 2 of Left/a is missing" in finding.what
    assert finding.as_json()["file"]


def test_a_payload_that_is_gone_is_reported(tmp_path: Path) -> None:
    """Large payloads are files of their own; one was deleted."""
    program = random_programs.Program(
        operations=[{"op": "tell", "key": "b", "body": [{"op": "log", "text": "x" * 100_000}]}]
    )
    am.run(
        random_programs.one, program, local=True, store=str(tmp_path), run_id="large", quiet=True
    )
    before = wrong(audited(tmp_path / "large"))
    shutil.rmtree(tmp_path / "large" / "blobs")
    found = audited(tmp_path / "large")

    assert (before, wrong(found)) == ([], ["content"])
    assert "can't be read" in found.findings[0].what


def test_what_is_written_while_it_is_read_is_looked_for(good: Recorded, tmp_path: Path) -> None:
    """The sender's journal was indexed before it had what the receiver's has."""
    held: dict[str, Any] = {}

    def hold_back(record: Record) -> None:
        held["steps"] = record["Right/b"]
        record["Right/b"] = held["steps"][:1]

    folder = good.tampered(hold_back, tmp_path, "running")
    with Store(str(tmp_path)).open_run(folder) as run:
        run.addresses()
        write(folder / "events" / "local-1.log", {"Right/b": held["steps"]})
        found = audit(run)

    assert wrong(found) == []


def test_findings_are_limited_and_counts_are_not(good: Recorded, tmp_path: Path) -> None:
    """A thoroughly broken run can be audited, and its report be read."""

    def break_all(record: Record) -> None:
        place = find(record, FinishTurn)
        put(record, place, *[at(record, place)] * (3 * KEPT_MAX))

    found = audited(good.tampered(break_all, tmp_path))

    assert found.violations == 3 * KEPT_MAX - 1
    assert len(found.findings) == KEPT_MAX


def test_an_audit_of_a_stored_run_replays_it(good: Recorded) -> None:
    """The front door: by name, with the replay as one more check."""
    heard: list[str] = []
    report = am.audit_run(
        "good", store=str(good.store), on_progress=lambda what, _: heard.append(what)
    )

    assert report.clean
    assert report.checks[-1].name == "replay"
    assert report.checks[-1].checked == report.events
    assert report.replay is not None
    assert report.replay.identical
    assert json.loads(json.dumps(report.as_json()))["violations"] == 0


def test_a_replay_that_differs_is_a_violation_of_its_own(good: Recorded, tmp_path: Path) -> None:
    """A result that no tool gave, recorded in good order."""
    folder = good.tampered(alter(EffectFinished, lambda _: True, result=b'"forged"'), tmp_path)
    replayed = am.audit_run(folder, store=str(tmp_path))
    without = am.audit_run(folder, store=str(tmp_path), replay=False)

    assert replayed.only_diverged
    assert wrong(replayed) == ["replay"]
    assert without.clean
    assert without.replay is None


def test_a_record_that_no_agent_can_have_made_is_audited_to_its_end(
    good: Recorded, tmp_path: Path
) -> None:
    """The replay of one agent fails; those of the others are done all the same."""
    report = am.audit_run(good.tampered(start_again, tmp_path), store=str(tmp_path))

    assert wrong(report) == ["replay", "steps"]
    assert not report.only_diverged
    assert report.replay is not None
    assert report.replay.agents == report.agents - 1


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=program_strategies.operations())
def test_any_program_passes(
    operations: list[random_programs.Operation], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Timers, tools, threads, races, failures and cancellations: all come to their end."""
    store = tmp_path_factory.getbasetemp() / "random"
    run_id = f"random-{next(_serial)}"
    # asyncio itself lets a cancellation escape where a timeout meets a failing group.
    with contextlib.suppress(am.WorkCancelledError):
        am.run(
            random_programs.one,
            random_programs.Program(operations=operations),
            local=True,
            store=str(store),
            run_id=run_id,
            quiet=True,
        )
    report = am.audit_run(run_id, store=str(store), replay=False)

    assert (wrong(report), report.open) == ([], 0), report.as_json()


def test_every_check_can_fail() -> None:
    """A check that nothing in this file makes fail says nothing."""
    assert sorted({name for _, names in BREAKS.values() for name in names}) == sorted(CHECKS)
