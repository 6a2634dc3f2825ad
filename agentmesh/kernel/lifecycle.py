"""The life of a cell: which happening is possible in which state, as one table.

Rule 1: a cell's state changes only to what this table says.

Rule 2: a pair that is not in the table is a bug of a driver, never of a user:
it raises `InternalError`.

    new --started--> live --(asked to stop)--> stopping --(emptied)--> stopped
     live, stopping --stopped, (gave up)--> stopped
     a stopped cell takes messages, and each is a dead letter
"""

from agentmesh.errors import InternalError
from agentmesh.kernel import events

NEW = "new"
LIVE = "live"
STOPPING = "stopping"
STOPPED = "stopped"

ASKED_TO_STOP = "asked to stop"
"""A message said: finish what is in the mailbox, then stop."""
EMPTIED = "emptied"
"""Nothing is open any more in a cell that was asked to stop."""
GAVE_UP = "gave up"
"""A turn could not even be ended, or the agent's supervision says that a failure is its end."""

_ANYTIME = (
    events.Delivered,
    events.EffectFinished,
    events.EffectFailed,
    events.EffectStreamed,
    events.TimerFired,
    events.Cancelled,
    ASKED_TO_STOP,
)

TRANSITIONS: dict[tuple[str, type[events.Event] | str], str] = {
    **{(state, what): state for state in (LIVE, STOPPING, STOPPED) for what in _ANYTIME},
    (NEW, events.Started): LIVE,
    (LIVE, ASKED_TO_STOP): STOPPING,
    (STOPPING, EMPTIED): STOPPED,
    **{(state, events.Stopped): STOPPED for state in (LIVE, STOPPING, STOPPED)},
    **{(state, GAVE_UP): STOPPED for state in (LIVE, STOPPING, STOPPED)},
}


def next_state(state: str, what: type[events.Event] | str, address: str) -> str:
    """Return the state after a happening: an event's class, or one of the names above.

    Raises:
        InternalError: It can't happen in this state.
    """
    try:
        return TRANSITIONS[state, what]
    except KeyError:
        name = what if isinstance(what, str) else what.__name__
        raise InternalError(
            f"Cell {address or '(unnamed)'} in state {state!r} was given {name}.",
            cause="A driver injected an event out of order.",
            fix="Please report it with the run's journal.",
        ) from None
