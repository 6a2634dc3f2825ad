"""What is said of a message that ends without a result: its outcome and the error.

These texts are part of a run's record and compared by replays, so they depend on
the message and the agent and on nothing else.
"""

import json

from agentmesh.errors import (
    AgentStoppedError,
    AskCycleError,
    DeadlineExceededError,
    FabricError,
    MailboxFullError,
    PoisonMessageError,
    WorkCancelledError,
    describe,
)
from agentmesh.kernel import commands
from agentmesh.kernel.envelope import Envelope

DEADLINE = "deadline"
CANCEL = "cancel"
STOP = "stop"
"""Reasons for which a message's work is ended from outside: of `events.Cancelled`."""
FAILURE = "failure"
"""Another message made the agent fail, and its supervision ends all that is open."""

Ending = tuple[str, BaseException]
"""One of `commands.OUTCOMES`, and what the asker is told."""


def ended(reason: str, envelope: Envelope, address: str) -> Ending:
    """Return the ending of a message whose work was ended for a reason."""
    name = envelope.handler or "message"
    what = f"{name} of {address}, asked by {envelope.sender} as {envelope.id},"
    if reason == DEADLINE:
        return commands.EXPIRED, late(what, envelope)
    if reason == STOP:
        return commands.CANCELLED, AgentStoppedError(
            f"{what} was not done when the agent was stopped.",
            cause="Usually the workflow had returned, or failed, before this was done.",
            fix="Await the reply in the workflow, or give the run more time to drain.",
            address=address,
        )
    if reason == FAILURE:
        return commands.CANCELLED, WorkCancelledError(
            f"{what} was cut short: another message made the agent fail.",
            cause="Its supervision gives it an earlier state, or stops it; what was open ends.",
            fix="Send it again, or let the agent handle one message at a time.",
            message=envelope.id,
        )
    return commands.CANCELLED, WorkCancelledError(
        f"{what} was cancelled.",
        cause="Usually the caller stopped waiting: a timeout, a failed sibling, or a stopped run.",
        message=envelope.id,
    )


def late(what: str, envelope: Envelope) -> DeadlineExceededError:
    """Return the error of work whose deadline has passed."""
    return DeadlineExceededError(
        f"{what} was not done by its deadline.",
        cause="The deadline of the whole workflow, or of the caller, is inherited.",
        fix="Give the workflow more time, or find out what was slow with `agentmesh show`.",
        message=envelope.id,
    )


def is_late(error: BaseException | None) -> bool:
    """Tell whether an error says, itself or by its causes, that a deadline has passed."""
    for _ in range(_CAUSES_MAX):
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if error is None or isinstance(error, DeadlineExceededError):
            break
        error = error.__cause__
    return isinstance(error, DeadlineExceededError)


_CAUSES_MAX = 20
"""Causes of causes that are looked at: somebody may raise an error from itself."""


def dead(address: str, why: BaseException | None = None) -> Ending:
    """Return the ending of a message to an agent that takes no more, or never could."""
    return commands.DEAD, why or AgentStoppedError(
        f"{address} has been stopped and takes no more messages.",
        cause="Somebody called am.stop() on it, or the run ended.",
        fix="Send to another key, or stop the agent later.",
        address=address,
    )


def lethal(envelope: Envelope, address: str, times: int, at: int) -> Ending:
    """Return the ending of a message that ends whatever process handles it.

    Args:
        envelope: The message.
        address: Whose handler it is that does not survive it.
        times: How many processes it has ended.
        at: When that was noticed, nanoseconds since the epoch.
    """
    died = json.loads(describe(FabricError("The host's process ended while it handled this.")))
    history = [
        {"attempt": attempt, "at": at, "turn": 0, "error": died} for attempt in range(1, times + 1)
    ]
    return commands.DEAD, PoisonMessageError(
        f"{envelope.handler} of {address} ended its host's process {times} times in a row with "
        f"{envelope.id}.",
        cause="It crashes the interpreter, ends the process, or takes all of its memory.",
        fix="Correct the handler, or do what may crash in a process of its own.",
        message=envelope.id,
        history=history,
    )


def overflown(envelope: Envelope, address: str, *, comes: bool) -> Ending:
    """Return the ending of a message for which a full mailbox has no place.

    Args:
        envelope: The message.
        address: Whose mailbox.
        comes: Whether it has just come; otherwise a newer one takes its place.
    """
    what = f"{envelope.handler or 'message'}, sent by {envelope.sender} as {envelope.id},"
    became = "was turned away" if comes else "was dropped for a newer message"
    return commands.DEAD, MailboxFullError(
        f"{what} {became}: the mailbox of {address} is full.",
        cause="The agent is sent more than it handles, and its overflow rule says what goes.",
        fix="Send less, give it concurrency or more instances, raise @am.agent(mailbox=...), or "
        'let senders wait with overflow="block".',
        address=address,
    )


def unstartable(address: str, reason: str) -> Exception | None:
    """Return why an agent that was stopped could not live; None if it just was told to end."""
    if reason in (DEADLINE, CANCEL, STOP):
        return None
    return AgentStoppedError(f"{address} could not be started. {reason}", address=address)


def cycle(envelope: Envelope, address: str) -> Ending:
    """Return the ending of an ask that would wait for itself."""
    path = " -> ".join((*envelope.chain, address))
    return commands.FAILED, AskCycleError(
        f"{envelope.src} asked {address}.{envelope.handler}, which would wait for itself: {path}.",
        cause="Each agent handles one message at a time, and this one already waits in the chain.",
        fix="Use am.tell() for one of the asks, give the agent concurrency, or declare the "
        "handler with @am.handler(reentrant=True).",
        chain=[*envelope.chain, address],
    )
