"""Which events a cell accepts in which state: the whole lifecycle as one table.

Rule 1: everything that changes a cell's lifecycle is in this file.

Rule 2: a pair that is not in the table is a bug of a driver, never of a user:
it raises `InternalError` with the cell's recent story.

    new --started--> live --(STOP delivered)--> stopping --(nothing open)--> stopped
     live, stopping --stopped--> stopped        stopped accepts messages: they are dead letters
"""

from agentmesh.errors import InternalError
from agentmesh.kernel import events

NEW = "new"
LIVE = "live"
STOPPING = "stopping"
STOPPED = "stopped"

_ANYTIME = (
    events.Delivered,
    events.EffectFinished,
    events.EffectFailed,
    events.EffectStreamed,
    events.TimerFired,
    events.Cancelled,
)

TRANSITIONS: dict[tuple[str, type[events.Event]], str] = {
    (NEW, events.Started): LIVE,
    **{(state, kind): state for state in (LIVE, STOPPING, STOPPED) for kind in _ANYTIME},
    (LIVE, events.Stopped): STOPPED,
    (STOPPING, events.Stopped): STOPPED,
    (STOPPED, events.Stopped): STOPPED,
}


def next_state(state: str, event: events.Event, address: str) -> str:
    """Return the state after an event.

    Raises:
        InternalError: The event can't happen in this state.
    """
    try:
        return TRANSITIONS[state, type(event)]
    except KeyError:
        raise InternalError(
            f"Cell {address or '(unnamed)'} in state {state!r} was given {event!r}.",
            cause="A driver injected an event out of order.",
            fix="Please report it with the run's journal.",
        ) from None
