"""An agent's steps come back in order, whichever hosts it lived on."""

from pathlib import Path

import pytest

from agentmesh.errors import JournalDamagedError
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.log import LogWriter
from agentmesh.journal.records import Step
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from agentmesh.kernel.events import Delivered
from tests.journal.helpers import PLAIN, delivered, new_log

AGENT = "B/1"


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """Return the directory of a new run."""
    return Store(tmp_path).create_run(RunInfo(id="r1"))


def done(step: int, host: str = "") -> FinishTurn:
    """Return what handling a step issues; the host tells who handled it."""
    return FinishTurn(step, f"A/1#{step}", "done", note=host)


def write(log: LogWriter, events: range, handled: range, host: str = "") -> None:
    """Write some events of the agent, and what some led to."""
    for step in events:
        log.event(AGENT, step, delivered(step, host))
    log.commit()
    for step in handled:
        log.commands(AGENT, step, [done(step, host)])
    log.commit()


def steps(directory: RunDirectory) -> list[Step]:
    """Read the agent's steps."""
    with Run(directory.files, directory.path, directory.info) as run:
        return list(run.steps(AGENT))


def who(step: Step) -> tuple[str, ...]:
    """Return which host wrote a step's event, and which what it led to."""
    assert isinstance(step.event, Delivered)
    notes = [command.note for command in step.commands if isinstance(command, FinishTurn)]
    return step.event.envelope.payload.decode()[9:-2], *notes


def test_a_step_has_its_event_and_what_it_led_to(directory: RunDirectory) -> None:
    """One host, two events in a round."""
    log = directory.log_writer("one", PLAIN)
    write(log, range(3), range(2))
    log.close()

    assert steps(directory) == [
        Step(0, delivered(0, ""), (done(0),)),
        Step(1, delivered(1, ""), (done(1),)),
        Step(2, delivered(2, ""), (), handled=False),
    ]


def test_a_step_that_led_to_nothing_is_told_from_one_cut_short(directory: RunDirectory) -> None:
    """A replay must not expect what a killed host could not write."""
    log = directory.log_writer("one", PLAIN)
    log.event(AGENT, 0, delivered(0))
    log.event(AGENT, 1, delivered(1))
    log.commands(AGENT, 0, [])
    log.close()

    assert [step.handled for step in steps(directory)] == [True, False]


def test_commands_may_come_in_parts(directory: RunDirectory) -> None:
    """A host writes down early what a long step has issued so far."""
    log = directory.log_writer("one", PLAIN)
    log.event(AGENT, 0, delivered(0))
    for number in range(3):
        log.commands(AGENT, 0, [done(number)])
    log.close()

    assert steps(directory)[0].commands == (done(0), done(1), done(2))


def test_an_agent_that_moved_reads_as_one(directory: RunDirectory) -> None:
    """It was drained from one host and went on at another."""
    first, second = directory.log_writer("one", PLAIN), directory.log_writer("two", PLAIN)
    write(first, range(3), range(3), "one")
    second.open_cell(AGENT, epoch=1)
    write(second, range(3, 5), range(3, 5), "two")

    assert [step.number for step in steps(directory)] == [0, 1, 2, 3, 4]
    assert [who(step) for step in steps(directory)] == [("one", "one")] * 3 + [("two", "two")] * 2


def test_a_successor_handles_again_what_the_killed_host_could_not_note(
    directory: RunDirectory,
) -> None:
    """Events 1 to 3 were written ahead; the host died while it handled the second of them."""
    first, second = directory.log_writer("z", PLAIN), directory.log_writer("a", PLAIN)
    write(first, range(4), range(2), "old")
    first.abandon()
    second.open_cell(AGENT, epoch=1)
    write(second, range(0), range(2, 4), "new")
    write(second, range(4, 5), range(4, 5), "new")

    assert [who(step) for step in steps(directory)] == [
        ("old", "old"),
        ("old", "old"),
        ("old", "new"),
        ("old", "new"),
        ("new", "new"),
    ]


def test_what_a_fenced_host_still_wrote_is_void(directory: RunDirectory) -> None:
    """It was given up as dead, and was only slow."""
    first, second = directory.log_writer("one", PLAIN), directory.log_writer("two", PLAIN)
    write(first, range(2), range(2), "slow")
    second.open_cell(AGENT, epoch=1)
    write(second, range(2, 3), range(2, 3), "new")
    write(first, range(2, 6), range(2, 6), "slow")

    assert [who(step) for step in steps(directory)] == [("slow", "slow")] * 2 + [("new", "new")]


def test_a_missing_log_is_noticed(directory: RunDirectory) -> None:
    """Somebody copied a run and forgot a file."""
    first, second = directory.log_writer("one", PLAIN), directory.log_writer("two", PLAIN)
    write(first, range(3), range(3))
    write(second, range(3, 5), range(3, 5))
    first.path.unlink()

    with pytest.raises(JournalDamagedError, match="step 0 of B/1 is missing"):
        steps(directory)


def test_a_damaged_log_is_named_wherever_it_is(directory: RunDirectory) -> None:
    """The agents of other hosts are no excuse to skip it."""
    first, second = directory.log_writer("one", PLAIN), directory.log_writer("two", PLAIN)
    for log in (first, second):
        write(log, range(3), range(3))
    data = bytearray(second.path.read_bytes())
    data[-1000 if len(data) > 1000 else 200] ^= 0xFF
    second.path.write_bytes(data)

    with pytest.raises(JournalDamagedError, match=r"two-0\.log is damaged at byte"):
        steps(directory)


def test_many_agents_in_one_log_are_kept_apart(tmp_path: Path, directory: RunDirectory) -> None:
    """Their records alternate, and their numbers need one to nine bytes."""
    log = directory.log_writer("one", PLAIN)
    agents = [f"C/{number}" for number in range(300)]
    for step in range(3):
        for agent in agents:
            log.event(agent, step, delivered(step, agent))
        log.commit()
        for agent in agents:
            log.commands(agent, step, [done(step, agent)])
    log.close()
    with Run(directory.files, directory.path, directory.info) as run:
        assert run.addresses() == sorted(agents)
        for agent in agents:
            assert [who(step) for step in run.steps(agent)] == [(agent, agent)] * 3


def test_a_step_number_may_be_large(tmp_path: Path) -> None:
    """An agent that has run for years."""
    log = new_log(tmp_path)
    for step in (0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**62):
        log.event(AGENT, step, delivered(step))
    log.close()
    directory = Store(tmp_path / "store").create_run(RunInfo(id="r1"))
    (tmp_path / "store/r1/events").mkdir()
    log.path.rename(tmp_path / "store/r1/events/one-0.log")

    with pytest.raises(JournalDamagedError, match="step 1 of B/1 is missing"):
        steps(directory)
