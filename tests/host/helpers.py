"""A host with a journal that only remembers, driven from plain test functions."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agentmesh.errors import rebuild
from agentmesh.host.engine import Host
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import Command, FinishTurn
from agentmesh.kernel.envelope import CLIENT, FAIL, Envelope
from agentmesh.kernel.events import Event
from agentmesh.sdk.message import Message, encode
from agentmesh.sdk.program import Program, RunContext
from tests.host import programs

SECONDS = 20.0
"""How long anything here may take."""


async def quick(_emit: programs.Emit) -> bytes:
    """Be an effect that ends well at once."""
    return b"done"


async def forever(_emit: programs.Emit) -> bytes:
    """Be an effect that never ends."""
    await asyncio.Event().wait()
    return b""


def deadline(ms: int) -> int:
    """Return the moment so many milliseconds from now, in nanoseconds."""
    return time.time_ns() + ms * 1_000_000


class RecordingJournal:
    """Remembers what it was told and when; fails when it is told to.

    Args:
        story: Where to note what happens, also things that others note there.
    """

    def __init__(self, story: list[tuple[Any, ...]]) -> None:
        self.story = story
        self.fails_at: Callable[[str], bool] = lambda _what: False

    def open_cell(self, address: str) -> object:
        self._note("open", address)
        return None

    def event(self, address: str, step: int, event: Event) -> None:
        self._note("event", address, step, event)

    def commands(self, address: str, step: int, commands: Sequence[Command]) -> None:
        self._note("commands", address, step, list(commands))

    def write(self) -> None:
        self._note("write")

    def commit(self) -> None:
        self._note("commit")

    def _note(self, what: str, *rest: Any) -> None:
        if self.fails_at(what):
            raise OSError(28, "No space left on device")
        self.story.append((what, *rest))

    def events(self, address: str | None = None) -> list[Event]:
        """Return what was recorded, of one agent or of all."""
        return [
            entry[3] for entry in self.story if entry[0] == "event" and address in (None, entry[1])
        ]

    def issued(self) -> list[Command]:
        """Return all commands recorded."""
        return [command for e in self.story if e[0] == "commands" for command in e[3]]

    def ends(self) -> dict[str, str]:
        """Return how each message ended."""
        ended = [command for command in self.issued() if isinstance(command, FinishTurn)]
        assert len({command.message for command in ended}) == len(ended)
        return {command.message: command.outcome for command in ended}


class NoSecrets:
    """Redacts nothing."""

    def json(self, data: bytes) -> bytes:
        return data


class Bench:
    """A running host, and what a test needs around it."""

    def __init__(self, host: Host, journal: RecordingJournal, story: list[Any]) -> None:
        self.host = host
        self.journal = journal
        self.story = story
        """Everything that happened, in order: journal, route, client, failure, effects."""
        self.failure: Exception | None = None
        self._failed = asyncio.Event()
        self._sent = 0
        self._answers: dict[int, asyncio.Future[Envelope]] = {}

    def send(
        self, agent: str, handler: str, message: Message | None = None, **fields: Any
    ) -> asyncio.Future[Envelope]:
        """Send an ask as the client; return where the answer will be."""
        self._sent += 1
        kind = fields.pop("kind", kinds.ASK)
        type_ = type(message).__name__ if message is not None else ""
        payload = encode(message) if message is not None else b"null"
        envelope = Envelope(CLIENT, self._sent, agent, kind, handler, type_, payload, **fields)
        future = asyncio.get_running_loop().create_future()
        self._answers[self._sent] = future
        self.host.deliver([envelope])
        return future

    async def ask(self, agent: str, handler: str, message: Message | None = None, **f: Any) -> Any:
        """Ask as the client; return the value or raise the error."""
        envelope = await asyncio.wait_for(self.send(agent, handler, message, **f), SECONDS)
        if envelope.kind == FAIL:
            raise rebuild(envelope.payload, envelope.note)
        return json.loads(envelope.payload)

    def on_client(self, envelope: Envelope) -> None:
        self.story.append(("client", envelope))
        if envelope.kind != kinds.CHUNK:
            self._answers[envelope.re].set_result(envelope)

    def on_failure(self, error: Exception) -> None:
        self.failure = error
        self._failed.set()
        self.story.append(("failure", error))

    async def settled(self) -> None:
        """Wait until the tick that handles everything taken in so far has ended."""
        ended = asyncio.get_running_loop().create_future()
        self.host.after_tick(lambda: ended.set_result(None))
        await asyncio.wait_for(ended, SECONDS)

    async def failed(self) -> None:
        """Wait until the host has given up."""
        await asyncio.wait_for(self._failed.wait(), SECONDS)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        async with asyncio.timeout(SECONDS):
            while not self.host.idle:
                await self.settled()


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Bench]:
    """A host on the running loop."""
    story: list[Any] = []
    journal = RecordingJournal(story)
    context = RunContext(run_id="r", program=Program(programs.__name__), redactor=NoSecrets())
    host = Host(
        run=context,
        seed="seed",
        journal=journal,
        loop=asyncio.get_running_loop(),
        route=lambda envelopes: story.append(("route", envelopes)),
        on_client=lambda envelope: bench.on_client(envelope),  # noqa: PLW0108 - made below
        on_failure=lambda error: bench.on_failure(error),  # noqa: PLW0108
        **options,
    )
    bench = Bench(host, journal, story)
    try:
        yield bench
    finally:
        await host.close()
        programs.PERFORM.clear()


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, with a deadline."""

    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await test

    asyncio.run(bounded())
