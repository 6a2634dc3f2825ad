"""What the telemetry benchmark runs: messages one way, with an exporter beside them and without."""

import os
import signal
import subprocess
import sys
import time

from pydantic import Field

import agentmesh as am
from tests.benchmarks.message_programs import Go, Note, Pump, Sink

__all__ = ["Beside", "Burst", "Figures", "Pump", "burst", "measure"]


class Beside(am.Message):
    """What is measured, and where the exporter finds the run and its endpoint."""

    rounds: int
    messages: int
    store: str
    run: str
    endpoint: str


class Figures(am.Message):
    """Seconds of each round."""

    without: list[float] = Field(default_factory=list)
    exporting: list[float] = Field(default_factory=list)


class Burst(am.Message):
    """How many messages."""

    messages: int


_EXPORTER: list["subprocess.Popen[bytes]"] = []


def start(store: str, run: str, endpoint: str) -> None:
    """Start the exporter as a run does, and stop it at once."""
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    command = [sys.executable, "-m", "agentmesh.telemetry.beside", store, run]
    _EXPORTER.append(subprocess.Popen(command, stdin=subprocess.PIPE, env=environ))
    time.sleep(2)  # it imports what it needs
    switch(on=False)


def switch(on: bool) -> None:  # noqa: FBT001 - an effect's argument
    """Let the exporter go on, or stand still."""
    _EXPORTER[0].send_signal(signal.SIGCONT if on else signal.SIGSTOP)


def stop() -> None:
    """End it: what it would still send is no part of this."""
    _EXPORTER[0].kill()
    _EXPORTER.pop().wait()


@am.workflow(deadline="15m")
async def measure(beside: Beside) -> Figures:
    """Send messages with the exporter and without, in turn; the first round warms up."""
    pump, go = am.ref(Pump), Go(count=beside.messages)
    found: dict[bool, list[float]] = {True: [], False: []}
    await am.effect(start, beside.store, beside.run, beside.endpoint)
    for number in range(beside.rounds + 1):
        for exporting in (True, False) if number % 2 else (False, True):
            await am.effect(switch, on=exporting)
            seconds = await pump.one_way(go)
            if number:
                found[exporting].append(seconds)
    await am.effect(stop)
    return Figures(without=found[False], exporting=found[True])


@am.workflow(deadline="5m")
async def burst(much: Burst) -> int:
    """Tell one agent so many times, as fast as it goes."""
    sink = am.ref(Sink)
    for number in range(much.messages):
        await am.tell(sink.take, Note(number=number))
    return await sink.flush()
