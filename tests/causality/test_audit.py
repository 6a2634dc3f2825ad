"""The audit: good runs pass, and for each way to break a record the right check says so."""

import contextlib
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

import agentmesh as am
from agentmesh.causality.audit import Audit, audit
from agentmesh.causality.findings import CHECKS, KEPT_MAX
from agentmesh.journal.lineage import Life
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from agentmesh.kernel.envelope import CHUNK
from agentmesh.kernel.events import Delivered, EffectFinished
from tests.causality import lives
from tests.causality.breaks import BREAKS, alter, drop, start_again
from tests.causality.tampering import Record, Recorded, at, find, put, sent_kind, write
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


def test_a_run_whose_host_lived_twice_passes(good: Recorded, tmp_path: Path) -> None:
    """The first life went on after it was given up; what it wrote then counts for nobody."""
    whole = good.steps()
    half = {address: steps[: (len(steps) + 1) // 2] for address, steps in whole.items()}
    rest = {address: steps[len(half[address]) :] for address, steps in whole.items()}
    stale = {address: steps[:1] for address, steps in rest.items() if steps}
    folder = good.tampered(lambda record: record.clear(), tmp_path)
    log = folder / "events" / "local-0.log"
    log.unlink()

    cut = write(log, half, stale)
    life = Life(incarnation=2, after={log.name: cut})
    write(log.with_name("local-1.log"), rest, number=1, life=life)
    found = audited(folder)

    assert (wrong(found), found.open, found.settled) == ([], 0, True)
    assert found.events == sum(map(len, whole.values()))


def test_turns_that_go_on_and_agents_that_stop_pass(tmp_path: Path) -> None:
    """A continued ask has one answer, by its last turn; a monitor has one when it is over."""
    found = am.run(
        lives.lives, lives.Count(left=3), local=True, store=str(tmp_path), run_id="r", quiet=True
    )
    report = am.audit_run("r", store=str(tmp_path))

    assert found == [3, "asked", "asked"]
    assert (wrong(report), report.open) == ([], 0), [str(one) for one in report.findings]
