"""Work that nobody wants any more ends: on every host, at once, and for no more tokens."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import agentmesh as am
from agentmesh.effects import settings
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import CancelEffect, FinishTurn, Log, StartEffect
from agentmesh.kernel.envelope import STARTS_TURN
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished
from agentmesh.testing.models import (
    Fixed,
    Latency,
    LoggedRequest,
    ModelServer,
    Rule,
    ServerError,
    Stall,
)
from tests.fabric import cancelling_programs as programs
from tests.fabric import expiring_programs
from tests.fabric.conftest import OnRay
from tests.fabric.programs import Count, Text

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

LOGGER = logging.getLogger(__name__)
AT_ONCE_SECONDS = 1.0
SLACK_SECONDS = 4.0
"""The machine may be busy with other things."""
SECONDS = 20.0
"""Time for hosts to start, and for all to get under way."""
SLOWLY = Text(text="slowly")
RULES = [
    Rule(contains="stall", answer=Stall()),
    Rule(contains="break", answer=ServerError()),
    Rule(contains="slowly", answer="on " * 2_000, latency=Latency(per_token=Fixed(seconds=0.05))),
]


@dataclass
class Provider:
    """A model server that remembers when its clients went away."""

    server: ModelServer
    abandoned: list[float] = field(default_factory=list)

    def note(self, request: LoggedRequest) -> None:
        """Remember the time, in seconds since the epoch."""
        if request.outcome == "abandoned":
            self.abandoned.append(time.time())

    @property
    def settings(self) -> dict[str, Any]:
        """What a run must know to use it."""
        return {**settings.simulated(self.server.base_url)}

    def await_silence(self) -> None:
        """Wait until no request is open."""
        self.server.requests.wait_until(lambda log: log.count(outcome="open") == 0)

    def silent_after(self) -> float:
        """Return when the last client had gone, in seconds since the epoch."""
        self.await_silence()
        return max(self.abandoned, default=0.0)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A model server of the test's own."""
    with ModelServer(rules=RULES, seed=1) as server:
        made = Provider(server)
        server.requests.watch(made.note)
        yield made


@dataclass(frozen=True)
class Ends:
    """How the messages of a run ended, and what became of effects."""

    outcomes: Counter[str]
    latest: float
    """When the last turn ended, in seconds since the epoch."""
    hosts: set[str]
    started: int
    called_off: int
    ended: int


def ends_of(run: Run) -> Ends:
    """Read a journal; each message must have exactly one end. The board's are left out."""
    messages: dict[str, list[str]] = {}
    latest, hosts, kinds = 0, set(), Counter[type]()
    about_notes = set()
    for address in run.addresses():
        for step in run.steps(address):
            kinds[type(step.event)] += 1
            if isinstance(step.event, Delivered) and step.event.envelope.kind in STARTS_TURN:
                messages.setdefault(step.event.envelope.id, [])
                if address == "Board/main":
                    about_notes.add(step.event.envelope.id)
            for command in step.commands:
                kinds[type(command)] += 1
                if isinstance(command, FinishTurn):
                    messages.setdefault(command.message, []).append(command.outcome)
                    latest = max(latest, step.event.at)
                    if address != "Board/main":
                        hosts.add(address.partition("/")[0])
    assert {len(each) for each in messages.values()} == {1}, messages
    return Ends(
        outcomes=Counter(
            each[0] for message, each in messages.items() if message not in about_notes
        ),
        latest=latest / 1e9,
        hosts=hosts,
        started=kinds[StartEffect],
        called_off=kinds[CancelEffect],
        ended=kinds[EffectFinished] + kinds[EffectFailed],
    )


def under_way(run: Run) -> tuple[int, int]:
    """Count the messages that agents were given, but for the board's, and the effects begun."""
    agents = [address for address in run.addresses() if address != "Board/main"]
    steps = [step for address in agents for step in run.steps(address)]
    given = [step.event.envelope for step in steps if isinstance(step.event, Delivered)]
    commands = [command for step in steps for command in step.commands]
    return (
        sum(envelope.kind in STARTS_TURN for envelope in given),
        sum(isinstance(command, StartEffect) for command in commands),
    )


def said_at(run: Run, event: str) -> float:
    """Return when somebody logged something, in seconds since the epoch."""
    times = [
        step.event.at
        for address in run.addresses()
        for step in run.steps(address)
        for command in step.commands
        if isinstance(command, Log) and command.event == event
    ]
    assert times, event
    return min(times) / 1e9


class Impatient:
    """Interrupts a run, as Ctrl-C does, once something is under way.

    Args:
        on_ray: What runs.
        ready: Tells by the journal whether it is.
    """

    def __init__(self, on_ray: OnRay, ready: Callable[[Run], bool]) -> None:
        self._on_ray = on_ray
        self._ready = ready
        self.at = 0.0

    def __call__(self, _events: int) -> None:
        if self._ready(self._on_ray.open()):
            self.at = time.time()
            raise KeyboardInterrupt


def report(what: str, since: float, **until: float) -> None:
    """Note how long something took, and make sure that it was soon."""
    took = {name: round(moment - since, 3) for name, moment in until.items() if moment}
    LOGGER.info("%s: seconds %s", what, took)
    assert max(took.values()) < AT_ONCE_SECONDS + SLACK_SECONDS, took


@dataclass(frozen=True)
class Interrupted:
    """A situation in which somebody presses Ctrl-C."""

    workflow: Callable[..., object]
    message: Text | None
    effects: int
    """Under way when it happens."""
    messages: int
    hosts: int
    requests: int = 0
    """That a model server has got by then."""


SITUATIONS = [
    Interrupted(programs.deep_chains, SLOWLY, 3, 7, 4, requests=1),
    Interrupted(programs.fan_out, SLOWLY, 240, 341, 3, requests=40),
    Interrupted(programs.stubborn_and_blocked, None, 2, 8, 4),
]


@pytest.mark.parametrize("given", SITUATIONS, ids=lambda each: each.workflow.__name__)
def test_an_interrupt_ends_every_turn_and_effect_on_all_hosts_at_once(
    on_ray: OnRay, provider: Provider, given: Interrupted
) -> None:
    """Each message is recorded as cancelled, each effect as called off, and models fall silent."""
    requests = provider.server.requests

    def ready(run: Run) -> bool:
        messages, effects = under_way(run)
        enough = messages >= given.messages and effects >= given.effects
        return enough and requests.total >= given.requests

    impatient = Impatient(on_ray, ready)

    with pytest.raises(KeyboardInterrupt):
        on_ray(given.workflow, given.message, on_progress=impatient, **provider.settings)
    asked = requests.total
    silent = provider.silent_after()

    with on_ray.open() as run:
        ends = ends_of(run)
        assert run.torn == {}
    assert ends.outcomes == {"cancelled": given.messages}
    assert len(ends.hosts) == given.hosts
    assert ends.started == ends.called_off + ends.ended
    report(given.workflow.__name__, impatient.at, ends=ends.latest, silent=silent)
    assert requests.total == asked


def test_what_is_given_up_is_called_off_on_all_hosts_and_costs_no_more_tokens(
    on_ray: OnRay, provider: Provider
) -> None:
    """A chain that reads a stream, by a timeout; siblings of a failure; and the run goes on.

    Who swallows the cancellation still asks no model: it is raised again where a request
    would be.
    """
    finished = on_ray(programs.gives_up, SLOWLY, **provider.settings)

    ends = ends_of(finished.run)
    assert finished.value == "hello"
    assert ends.outcomes == {"done": 2, "cancelled": 3 + 1 + 23}
    assert said_at(finished.run, "cancelled, and still here")
    silent = provider.silent_after()
    requests = provider.server.requests
    assert not any("more" in str(request.body) for request in requests)
    assert requests.count(outcome="abandoned") == requests.total == 1 + 20
    report("timeout", said_at(finished.run, "gave up"), silent=min(provider.abandoned))
    report("sibling", said_at(finished.run, "failed"), silent=silent)


def test_a_sender_that_is_held_is_ended_with_the_run(on_ray: OnRay) -> None:
    """Flow control holds it back; an interrupt passes."""
    impatient = Impatient(on_ray, lambda run: under_way(run)[1] >= 1)

    with pytest.raises(KeyboardInterrupt):
        on_ray(programs.somebody_is_held, on_progress=impatient)

    with on_ray.open() as run:
        ends = ends_of(run)
    assert set(ends.outcomes) <= {"cancelled", "dead"}
    report("held", impatient.at, ends=ends.latest)


def test_a_sender_that_is_held_is_let_go_when_its_ask_is_called_off(on_ray: OnRay) -> None:
    """The cancellation is not held with everything else that is for the sender."""
    finished = on_ray(programs.somebody_is_held_and_called_off, drain_seconds=0.5)

    assert finished.value == "hello"
    flood = [step for step in finished.run.steps("Flood/main") if step.commands]
    (end,) = [
        (step.event.at / 1e9, command.outcome)
        for step in flood
        for command in step.commands
        if isinstance(command, FinishTurn)
    ]
    assert end[1] == "cancelled"
    report("held, called off", said_at(finished.run, "gave up"), ends=end[0])


# --- deadlines ------------------------------------------------------------------------------------


def test_all_that_a_workflow_asks_for_has_its_deadline(on_ray: OnRay) -> None:
    """Asks, tools, streams, continued turns, what is told and what is spawned."""
    left = on_ray(expiring_programs.everybody_has_the_same_deadline, deadline_seconds=50.0).value[
        "seconds"
    ]

    assert set(left) == {"workflow", "ask", "tool", "tell", "stream", "continued", "spawned"}
    assert all(0.0 < seconds < 50.0 for seconds in left.values())
    assert max(left.values()) - min(left.values()) < 20.0


def test_a_deadline_ends_everything_everywhere_and_asks_no_model_afterwards(
    on_ray: OnRay, provider: Provider
) -> None:
    """A stream, a stalled model, a tool that is tried again, a chain, and one who goes on."""
    finished = on_ray(
        expiring_programs.a_deadline_ends_everything,
        SLOWLY,
        deadline_seconds=SECONDS,
        drain_seconds=60.0,
        **provider.settings,
    )

    with pytest.raises(am.DeadlineExceededError):
        _ = finished.value
    ends = ends_of(finished.run)
    # Whose asker expired a moment earlier, on another host, is told that nobody waits any more.
    assert set(ends.outcomes) <= {"expired", "cancelled"}
    assert ends.outcomes["expired"] > ends.outcomes["cancelled"]
    bodies = [request.body for request in provider.server.requests]
    assert not any("after the end" in str(body) for body in bodies)
    deadline = _deadline(finished.run)
    silent = provider.silent_after()
    report("deadline", deadline, ends=ends.latest, silent=silent)


def _deadline(run: Run) -> float:
    """Return the deadline of a run's workflow, in seconds since the epoch."""
    (root,) = [address for address in run.addresses() if address.endswith("/root")]
    events = (step.event for step in run.steps(root))
    return next(each.envelope.deadline for each in events if isinstance(each, Delivered)) / 1e9


# --- streams --------------------------------------------------------------------------------------


def test_who_stops_reading_a_stream_closes_the_producer_on_another_host(on_ray: OnRay) -> None:
    """By `break`, by an error, by a cancellation: the generator's `finally` runs each time."""
    assert on_ray(expiring_programs.consumers_stop, Count(n=3)).value == [1, 2, 3]


def test_a_failure_of_the_producer_comes_after_all_its_items(on_ray: OnRay) -> None:
    """Nothing that was yielded is lost, and the stream ends."""
    assert on_ray(expiring_programs.a_producer_fails, Count(n=700)).value == [*range(700), -1]


def test_a_stream_whose_producer_dies_brings_every_item_exactly_once(
    on_ray: OnRay, tmp_path: Path
) -> None:
    """Its host is killed between two items, is restored, and goes on where it was."""
    marker = tmp_path / "died"

    got = on_ray(expiring_programs.a_producer_dies, Text(text=str(marker))).value

    assert marker.exists()
    assert got == list(range(expiring_programs.MORTAL_ITEMS))


def test_what_waits_on_a_host_that_dies_expires_without_being_begun(
    on_ray: OnRay, tmp_path: Path
) -> None:
    """It is restored, with its mailbox; what its agent waits for is begun again, and ended."""
    marker = tmp_path / "died"

    finished = on_ray(
        expiring_programs.a_deadline_passes_meanwhile,
        Text(text=str(marker)),
        deadline_seconds=SECONDS,
        drain_seconds=60.0,
    )

    with pytest.raises(am.DeadlineExceededError):
        _ = finished.value
    assert marker.exists()
    assert ends_of(finished.run).outcomes == {"expired": 22}
    logged = [
        command
        for step in finished.run.steps("Mortal/main")
        for command in step.commands
        if isinstance(command, Log)
    ]
    assert logged == []
