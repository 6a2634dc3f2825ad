"""`agentmesh replay`: do a run again under its own hash seed, and say what differs."""

import functools
import importlib
import itertools
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.wording import NS_PER_SECOND, counted, took, visible
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RUNNING, RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import StartEffect
from agentmesh.mesh.options import store_location
from agentmesh.mesh.replaying import chosen, replayer_of
from agentmesh.replay.driver import Replayer, Report
from agentmesh.replay.parallel import replay_in_processes
from agentmesh.replay.resync import STRICT, Taint

_WORTH_BYTES = 100_000_000
"""A journal from which on several processes gain more than it takes to start them."""
_SEALED_FACTOR = 8
"""A sealed journal is about so much smaller."""
_OTHERS_MAX = 10
_TAINT_LINES_MAX = 6
_LOOKED_AT = 1_000
"""How many steps are looked at for a call of a model."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A finished replay and what it was held against."""

    report: Report
    info: RunInfo
    seed: str | None
    """The hash seed it ran under; None if unknown."""
    processes: int

    @property
    def recorded_seconds(self) -> float:
        """How long the run took when it was recorded; 0 if that is unknown."""
        if not self.info.ended_at_ns:
            return 0.0
        return (self.info.ended_at_ns - self.info.created_at_ns) / NS_PER_SECOND

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        report = self.report
        return {
            "run": report.run_id,
            "identical": report.identical,
            "agents": report.agents,
            "events": report.events,
            "turns": report.turns,
            "commands": report.commands,
            "seconds": round(report.seconds, 6),
            "recorded_seconds": round(self.recorded_seconds, 6),
            "hash_seed": self.seed,
            "hash_seed_recorded": self.info.hash_seed,
            "processes": self.processes,
            "divergences": [one.as_json() for one in report.divergences],
            "tainted": [asdict(one) for one in report.tainted],
        }


def replay(
    name: str,
    *,
    agents: tuple[str, ...],
    store: str | None,
    processes: int,
    seed: str,
    policy: str,
    program: str | None,
    as_json: bool,
) -> int:
    """Replay a run and return the exit code: 0, or 3 if it diverged."""
    location = store_location(store)
    with Store(location).open_run(name) as run:
        hash_seed.settle_for(run.info.hash_seed, seed)
        replayed = _replay(
            run, location, chosen(run, agents), processes, policy=policy, program=program
        )
    if as_json:
        terminal.print_json(replayed.as_json())
    else:
        _tell(replayed)
    return exit_codes.OK if replayed.report.identical else exit_codes.DIVERGED


def _replay(
    run: Run,
    location: str,
    addresses: list[str],
    processes: int,
    *,
    policy: str,
    program: str | None,
) -> Replayed:
    processes = min(processes or worth(run), max(len(addresses), 1))
    # What the program prints is not the replay's answer.
    with terminal.quiet_output(), terminal.working(f"replaying {run.id}") as update:

        def tell(events: int) -> None:
            update(counted(events, "event"))

        if processes > 1:
            opens = functools.partial(open_replayer, run.path, location, policy, program)
            started = time.perf_counter()
            report = replay_in_processes(opens, addresses, processes, tell)
        else:
            replayer = replayer_of(run, Store(location).redactor_for(run.info), program, policy)
            _warm(run, addresses)
            started = time.perf_counter()
            report = replayer.replay(addresses, tell)
        report.seconds = time.perf_counter() - started
    report.run_id = run.id
    return Replayed(report=report, info=run.info, seed=hash_seed.current(), processes=processes)


def _warm(run: Run, addresses: list[str]) -> None:
    """Load the SDK that a run asked its model with: loading is not replaying."""
    steps = itertools.chain.from_iterable(run.steps(one, resolve=False) for one in addresses)
    for step in itertools.islice(steps, _LOOKED_AT):
        if any(isinstance(one, StartEffect) and one.kind == "http" for one in step.commands):
            importlib.import_module("openai.resources.chat")
            return


def open_replayer(
    path: str, location: str, policy: str = STRICT, program: str | None = None
) -> Replayer:
    """Open a run in a process of its own; it stays open as long as the process lives."""
    sys.stdout = sys.stderr
    store = Store(location)
    run = store.open_run(path if Path(path).exists() else Path(path).name)
    return replayer_of(run, store.redactor_for(run.info), program, policy)


def worth(run: Run) -> int:
    """Return how many processes a run is worth; reading over a network, one is enough."""
    folder = Path(run.path)
    logs = sum(path.stat().st_size for path in folder.glob("events/*.log"))
    packed = [folder] if folder.is_file() else folder.glob("**/*.parquet")
    sealed = sum(path.stat().st_size for path in packed)
    return len(os.sched_getaffinity(0)) if logs + sealed * _SEALED_FACTOR > _WORTH_BYTES else 1


def _tell(replayed: Replayed) -> None:
    report = replayed.report
    number = len(report.divergences)
    headline = f"{counted(report.events, 'event')}, {counted(number, 'divergence')}"
    terminal.show(terminal.styled(headline, "green" if report.identical else "red"))
    terminal.show(terminal.styled(f"  {counts(replayed)}", "dim"))
    if number:
        first = visible(str(report.divergences[0]), keep_lines=True)
        terminal.show(terminal.styled(f"\nThe first divergence:\n{first}"))
    if number > 1:
        others = [visible(one.agent) for one in report.divergences[1 : 1 + _OTHERS_MAX]]
        more = ", ..." if number - 1 > _OTHERS_MAX else ""
        upto = "" if report.tainted else ", each replayed up to its first divergence"
        text = f"\n{counted(number, 'agent')} diverged{upto}"
        terminal.show(terminal.styled(f"{text}; later: {', '.join(others)}{more}."))
    if report.tainted:
        _tell_taint(report.tainted)
    if number and replayed.seed != replayed.info.hash_seed:
        terminal.say(_on_hash_seeds(replayed))
    if replayed.info.status == RUNNING:
        terminal.say("agentmesh: no end of this run is recorded: this is what there is so far.")


def _tell_taint(tainted: list[Taint]) -> None:
    """Say what became of agents after their first divergence."""
    steps, same = sum(one.steps for one in tainted), sum(one.same for one in tainted)
    terminal.show(
        terminal.styled(
            f"\nTainted: {counted(steps, 'step')} of {counted(len(tainted), 'agent')}, from the "
            f"divergence on; {same:,} of them did what was recorded.",
            "yellow",
        )
    )
    for one in tainted[:_OTHERS_MAX]:
        head = f"  {visible(one.agent)}@{one.since}: {counted(one.steps, 'step')}, {one.same:,} as"
        terminal.show(terminal.styled(f"{head} recorded"))
        lines = [f"waits, without an answer on record: {visible(each)}" for each in one.waits]
        lines += [f"could not take {visible(each)}" for each in one.not_taken]
        lines += [f"could not go on: {visible(one.stopped)}"] if one.stopped else []
        for line in lines[:_TAINT_LINES_MAX]:
            terminal.show(terminal.styled(f"    {line}"))
        if len(lines) > _TAINT_LINES_MAX:
            terminal.show(terminal.styled(f"    ... ({len(lines) - _TAINT_LINES_MAX} more)", "dim"))


def _on_hash_seeds(replayed: Replayed) -> str:
    if replayed.info.hash_seed is None:
        return "agentmesh: the run's hash seed is unknown: sets of strings may iterate otherwise."
    return (
        f"agentmesh: this replay had the hash seed {replayed.seed or 'of nobody knows'}, the run "
        f"{replayed.info.hash_seed}: sets of strings iterate otherwise. Leave --hash-seed away."
    )


def counts(replayed: Replayed) -> str:
    """Return in a line what was replayed, and how fast."""
    report = replayed.report
    parts = [
        counted(report.agents, "agent"),
        counted(report.turns, "turn"),
        counted(report.commands, "command"),
    ]
    return f"{', '.join(parts)} in {took(report.seconds)}" + faster(
        replayed.recorded_seconds, report.seconds
    )


def faster(recorded_seconds: float, seconds: float) -> str:
    """Say how long it took when it was recorded; nothing if the replay took longer."""
    if recorded_seconds <= seconds:
        return ""
    factor = recorded_seconds / max(seconds, 1e-9)
    return f"; recorded in {took(recorded_seconds)}, {factor:,.0f}x faster"
