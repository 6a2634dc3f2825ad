"""Steps of a run while it is written: each once, in order, whatever becomes of its files."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentmesh.journal.compaction import compact
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.lineage import Life
from agentmesh.journal.log import LogWriter
from agentmesh.journal.records import Step
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.telemetry.following import Follower, NewStep
from tests.journal.test_compaction import take_snapshot

ROOT = "newsroom/root"


class Growing:
    """A run that is written step by step, as its hosts would."""

    def __init__(self, news: Run, folder: Path) -> None:
        self.opened = ExitStack()
        self.store = Store(folder)
        info = replace(news.info, status="running", ended_at_ns=0)
        self.directory: RunDirectory = self.store.create_run(info)
        self.log = self.writer("local")
        self.follower = self.follow()
        self.steps = {address: list(news.steps(address)) for address in news.addresses()}

    def writer(self, host: str, life: Life | None = None) -> LogWriter:
        log = self.directory.log_writer(host, self.store.redactor(), life=life)
        self.opened.callback(log.abandon)
        return log

    def follow(self, **start: int) -> Follower:
        directory = self.directory
        follower = Follower(directory.files, directory.path, directory.info, start)
        self.opened.callback(follower.close)
        return follower

    def write(self, address: str, *numbers: int, log: LogWriter | None = None) -> None:
        for number in numbers:
            step = self.steps[address][number]
            (log or self.log).event(address, number, step.event)
            (log or self.log).commands(address, number, step.commands)
            (log or self.log).write()

    def new(self) -> list[tuple[str, int]]:
        return numbers(self.follower.new())


def numbers(found: object) -> list[tuple[str, int]]:
    """Return which steps came."""
    steps: list[NewStep] = list(found)  # type: ignore[call-overload]
    return [(address, step.number) for address, step in steps]


@pytest.fixture
def growing(news: Run, tmp_path: Path) -> Iterator[Growing]:
    """A run without any step yet."""
    run = Growing(news, tmp_path)
    with run.opened:
        yield run


def test_each_look_brings_what_is_new(growing: Growing) -> None:
    """Nothing twice; a step whose commands are not there yet comes when they are."""
    growing.write(ROOT, 0, 1)
    first = growing.new()
    step = growing.steps[ROOT][2]
    growing.log.event(ROOT, 2, step.event)
    growing.log.write()
    waiting = growing.new()
    growing.log.commands(ROOT, 2, step.commands)
    growing.write(ROOT, 3)

    assert first == [(ROOT, 0), (ROOT, 1)]
    assert waiting == []
    assert growing.new() == [(ROOT, 2), (ROOT, 3)]
    assert growing.new() == []


def test_steps_are_as_any_reader_sees_them(growing: Growing) -> None:
    """Events and commands are equal to those of the run they were taken from."""
    growing.write(ROOT, *range(8))

    found: list[Step] = [step for _, step in growing.follower.new()]

    assert found == growing.steps[ROOT]


def test_logs_that_follow_each_other_are_one(growing: Growing) -> None:
    """A host rolls its log in between; both are read on."""
    growing.write(ROOT, 0, 1)
    found = growing.new()
    growing.log.roll(growing.log.path.with_name("local-1.log"), 1)
    growing.write(ROOT, 2)

    assert found + growing.new() == [(ROOT, 0), (ROOT, 1), (ROOT, 2)]


def test_an_agent_that_moved_is_put_together(growing: Growing) -> None:
    """Its later steps are read first, from a host whose name sorts before the other's."""
    other = growing.writer("a")
    growing.write(ROOT, 3, 4, log=other)
    early = growing.new()
    growing.write(ROOT, 0, 1, 2)

    assert early == []
    assert growing.new() == [(ROOT, number) for number in range(5)]


def test_a_restored_host_says_nothing_twice(growing: Growing) -> None:
    """Its successor handles again what it was killed in, and goes on; that is one recovery."""
    growing.write(ROOT, 0, 1)
    step = growing.steps[ROOT][2]
    growing.log.event(ROOT, 2, step.event)
    growing.log.write()
    before = growing.new()
    counted = {growing.log.path.name: growing.log.size}
    life = growing.writer("local", Life(incarnation=2, after=counted))
    growing.write(ROOT, 6, 7)  # the dead one is not dead, and writes what does not count
    life.commands(ROOT, 2, step.commands)
    growing.write(ROOT, 3, 4, log=life)

    assert before == [(ROOT, 0), (ROOT, 1)]
    assert growing.new() == [(ROOT, 2), (ROOT, 3), (ROOT, 4)]
    assert growing.new() == []
    assert growing.follower.lives == 1


def test_a_run_that_is_sealed_meanwhile_loses_nothing(growing: Growing) -> None:
    """Its logs are gone, the rest is in Parquet; it is read from where the logs were."""
    growing.write(ROOT, 0, 1)
    before = growing.new()
    growing.write(ROOT, 2, 3)
    growing.write("Writer/w1", 0)
    growing.log.close()
    with growing.store.open_run(growing.directory.id) as run:
        run.seal()

    assert before == [(ROOT, 0), (ROOT, 1)]
    assert sorted(growing.new() + numbers(growing.follower.rest())) == [
        ("Writer/w1", 0),
        (ROOT, 2),
        (ROOT, 3),
    ]


def test_logs_that_became_parquet_between_two_looks_are_found(growing: Growing) -> None:
    """Three logs came and went; only the last is still there, and its number says so."""
    for number in range(3):
        growing.write(ROOT, number)
        take_snapshot(growing.directory, growing.log)
    before = {path.name for path in growing.log.path.parent.iterdir()}
    compact(growing.directory.path)
    growing.write(ROOT, 3)

    assert before - {path.name for path in growing.log.path.parent.iterdir()}
    assert growing.new() == [(ROOT, 0), (ROOT, 1), (ROOT, 2), (ROOT, 3)]


def test_who_knows_the_beginning_starts_behind_it(growing: Growing) -> None:
    """As an export that goes on does."""
    growing.write(ROOT, 0, 1, 2, 3)

    assert numbers(growing.follow(**{ROOT: 2}).new()) == [(ROOT, 2), (ROOT, 3)]


def test_the_last_step_of_a_killed_run_comes_at_its_end(growing: Growing) -> None:
    """It was never handled: nobody but `rest` tells it."""
    growing.write(ROOT, 0, 1)
    growing.log.event(ROOT, 2, growing.steps[ROOT][2].event)
    growing.log.write()

    assert growing.new() == [(ROOT, 0), (ROOT, 1)]
    (last,) = list(growing.follower.rest())
    assert (last[1].number, last[1].handled) == (2, False)


def test_how_late_a_reader_is_counts_from_what_it_has_read(growing: Growing) -> None:
    """Nothing is late when all is read, however long ago that was."""
    growing.write(ROOT, 0, 1)
    growing.new()
    on_time = growing.follower.late_since_ns
    growing.write(ROOT, 2)
    late = growing.follower.late_since_ns
    growing.new()

    assert (on_time, growing.follower.late_since_ns) == (0, 0)
    assert late == growing.steps[ROOT][1].event.at
