"""An agent that breaks the rules on its second message, in a way that the message names."""

import time

import agentmesh as am

CALLS = 0
CLOCKS = (time.perf_counter_ns,)  # captured before anything was installed, out of reach in a tuple


class Note(am.Message):
    """What to do."""

    sin: str = "none"


class Seen(am.Message):
    """What the agent found."""

    value: int


def global_counter() -> int:
    """Read and write a module global: it belongs to the process, not to the run."""
    global CALLS  # noqa: PLW0603 - the sin
    CALLS += 1
    return CALLS


def address_of_something() -> int:
    """Use a memory address."""
    return id(object()) + id(Note)


def captured_clock() -> int:
    """Read a clock that was captured early."""
    return CLOCKS[0]()


SINS = {
    "none": lambda: 0,
    "global": global_counter,
    "id": address_of_something,
    "clock": captured_clock,
}


@am.agent
class Sink:
    """Takes what the sinner found: its command is where a difference shows."""

    total: int = 0

    @am.handler
    async def take(self, seen: Seen) -> None:
        """Add it up."""
        self.total += seen.value


@am.agent
class Sinner:
    """Tells `Sink` what it found."""

    notes: int = 0

    @am.handler
    async def note(self, note: Note) -> int:
        """Handle one note."""
        self.notes += 1
        value = SINS[note.sin]()
        am.tell(am.ref(Sink).take, Seen(value=value))  # the line to be named
        return self.notes


@am.workflow(deadline="10s")
async def sin_once(note: Note) -> int:
    """Send three notes, of which the second sins."""
    sinner = am.ref(Sinner)
    await sinner.note(Note())
    await sinner.note(note)
    return await sinner.note(Note())
