"""What people write about failing agents: `Supervision`, and what `am.monitor` tells them."""

import json
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import Literal

from agentmesh.errors import DefinitionError, UsageError, rebuild
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervision import DIRECTIVES, ESCALATE, RESTART, RESUME, STOP, Policy
from agentmesh.sdk.duration import NS_PER_SECOND, Duration, seconds_of

Directive = Literal["resume", "restart", "stop", "escalate"]

FRESH = "fresh"
LAST_GOOD = "last_good"


@dataclass(frozen=True)
class Supervision:
    """What becomes of an agent when one of its handlers fails.

    A failure is an exception that leaves a handler. Work that is cancelled, or late for its
    deadline, is none.

    Args:
        on_failure: `"resume"`: the message failed, and the agent keeps its state.
            `"restart"`: the agent goes on with an earlier state; its other open turns are
            cancelled. `"stop"`: it stops, and what waits in its mailbox becomes dead
            letters. `"escalate"`: it stops, and whoever spawned it (otherwise the workflow)
            fails with an `EscalatedError`.
        state: After a restart: `"fresh"`, as it was created, or `"last_good"`, as it was
            after the last turn that ended well; that costs an encoding of the state a turn.
        attempts: How often a message is tried in all before it ends as a dead letter.
        intensity: How many failures within `period` are met with a restart.
        period: Logical time.
        then: What follows one more failure: `"stop"` or `"escalate"`.
        backoff: How long the mailbox rests after a first failure, twice as long after the next
            within `period`, and so on; 0 for no rest. A quarter of it is left to chance.
        backoff_max: The longest rest.

    Raises:
        DefinitionError: The values can't work together; the message shows the fix.
    """

    on_failure: Directive = "resume"
    _: KW_ONLY
    state: Literal["fresh", "last_good"] = "fresh"
    attempts: int = 1
    intensity: int = 3
    period: Duration = "1m"
    then: Literal["stop", "escalate"] = "escalate"
    backoff: Duration = "100ms"
    backoff_max: Duration = "10s"

    def __post_init__(self) -> None:
        self._check_choice("on_failure", DIRECTIVES)
        self._check_choice("state", (FRESH, LAST_GOOD))
        self._check_choice("then", (STOP, ESCALATE))
        self._check_number("attempts", 1)
        self._check_number("intensity", 0)
        period, backoff, most = map(self._ns, ("period", "backoff", "backoff_max"))
        if not period:
            raise DefinitionError("Supervision has period=0.", fix='Give a duration: period="1m".')
        if backoff > most:
            raise DefinitionError(
                f"Supervision has backoff={self.backoff!r}, which is longer than "
                f"backoff_max={self.backoff_max!r}.",
                fix="Give a longer backoff_max.",
            )
        self._check_attempts()
        self._check_meant()

    def _check_choice(self, name: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise DefinitionError(
                f"Supervision has {name}={value!r}.",
                fix=f"Choose one of {', '.join(map(repr, allowed))}.",
            )

    def _check_number(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise DefinitionError(
                f"Supervision has {name}={value!r}.", fix=f"Give a whole number from {least}."
            )

    def _check_attempts(self) -> None:
        if self.attempts > max(self.intensity, 1):
            raise DefinitionError(
                f"Supervision has attempts={self.attempts} and intensity={self.intensity}.",
                cause="Each attempt that fails is a failure: the agent would "
                f"{self.then} before the message is given up.",
                fix=f"Give an intensity of at least {self.attempts}, or fewer attempts.",
            )

    def _check_meant(self) -> None:
        """Refuse what would have no effect: whoever wrote it meant something else."""
        if self.on_failure == RESTART:
            return
        given = [name for name, usual in _ONLY_RESTART.items() if getattr(self, name) != usual]
        if given:
            raise DefinitionError(
                f"Supervision({self.on_failure!r}) was given {', '.join(given)}.",
                cause="These say how an agent is restarted; this one never is.",
                fix=f"Leave {', '.join(given)} out, or write Supervision('restart', ...).",
            )

    def _ns(self, name: str) -> int:
        value = getattr(self, name)
        if value == 0:
            return 0
        try:
            return round(seconds_of(value, what=name) * NS_PER_SECOND)
        except (UsageError, TypeError, ValueError) as error:
            raise DefinitionError(
                f"Supervision has {name}={value!r}.",
                fix='Write seconds as a number (20), or a text such as "500ms" or "10m".',
            ) from error

    def policy(self) -> Policy | None:
        """Return what the kernel is told; None when a failure concerns only its message."""
        if self.on_failure == RESUME:
            return None
        return Policy(
            on_failure=self.on_failure,
            last_good=self.state == LAST_GOOD,
            attempts=self.attempts,
            intensity=self.intensity,
            period_ns=self._ns("period"),
            then=self.then,
            backoff_ns=self._ns("backoff"),
            backoff_max_ns=self._ns("backoff_max"),
        )


_ONLY_RESTART: dict[str, object] = {
    "state": "fresh",
    "attempts": 1,
    "intensity": 3,
    "period": "1m",
    "then": "escalate",
    "backoff": "100ms",
    "backoff_max": "10s",
}
"""What means something only for restarts, and what it usually is."""


def policy_of(supervision: object, agent: str, *, has_state: bool) -> Policy | None:
    """Return the policy that an agent's author wrote: a `Supervision`, or its directive.

    Raises:
        DefinitionError: It is neither, or can't work for this agent.
    """
    if supervision is None:
        return None
    if isinstance(supervision, str):
        supervision = Supervision(supervision)  # type: ignore[arg-type]  # it checks
    if not isinstance(supervision, Supervision):
        raise DefinitionError(
            f"Agent {agent} has supervision={supervision!r}.",
            fix='Write supervision="restart", or supervision=am.Supervision("restart", ...).',
        )
    if supervision.state == LAST_GOOD and not has_state:
        raise DefinitionError(
            f'Agent {agent} has supervision with state="last_good" and no state to go back to.',
            cause="An agent that is a function, or a class without annotated attributes, has none.",
            fix="Leave `state` out.",
        )
    return supervision.policy()


@dataclass(frozen=True, kw_only=True)
class Down:
    """How an agent stopped: what `am.monitor` ends with."""

    agent: str
    """Address of the agent."""
    reason: str
    """`asked` (by am.stop), `failed`, `escalated`, or `ended`: with the run, or it never began."""
    error: Exception | None
    """What it failed with."""
    at: datetime
    """When, in the agent's logical time, in UTC."""


def down_of(answer: Envelope) -> Down:
    """Return what the answer to a monitor says."""
    said = json.loads(answer.payload)
    error = said["error"]
    return Down(
        agent=answer.src,
        reason=said["reason"],
        error=None if error is None else rebuild(json.dumps(error).encode()),
        at=datetime.fromtimestamp(said["at"] // NS_PER_SECOND, UTC).replace(
            microsecond=said["at"] // 1_000 % 1_000_000
        ),
    )
