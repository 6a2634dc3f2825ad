"""What is to become of an agent whose handler failed, and where the agent stands.

`Policy` is what the agent's author decided, `Standing` what happened so far: both are plain
data. Everything here is a function of the agent's own events, so that a replay decides
alike. What is done about a failure is in `supervised`.

Intensity and period are Erlang's: more than `intensity` failures within `period` of logical
time are no longer met with a restart.
"""

from typing import Any

import msgspec

from agentmesh.kernel.commands import StartTimer
from agentmesh.kernel.prng import KeyedRandom

RESUME = "resume"
"""The message failed; the agent keeps its state."""
RESTART = "restart"
"""The agent goes on with an earlier state."""
STOP = "stop"
"""The agent stops."""
ESCALATE = "escalate"
"""The agent stops, and who started it fails with it."""
DIRECTIVES = (RESUME, RESTART, STOP, ESCALATE)

ATTEMPT_FAILED = "attempt failed"
"""Event of the log line about a message that failed and will be tried again."""
RESTARTED = "restarted"
"""Event of the log line about an agent that was given an earlier state."""

_GROWTHS_MAX = 64
"""How often a rest is doubled; the cap is far below."""
_JITTER = 0.25
"""At most so much of a rest is left out at random: agents that failed together return apart."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's author decided about failures of its handlers."""

    on_failure: str = RESTART
    """One of `DIRECTIVES`, but not `RESUME`: that is to have no policy."""
    last_good: bool = False
    """Whether a restart goes back to the state after the last turn that ended well."""
    attempts: int = 1
    """How often a message is tried in all."""
    intensity: int = 3
    period_ns: int = 60_000_000_000
    then: str = ESCALATE
    """What follows too many failures: `STOP` or `ESCALATE`."""
    backoff_ns: int = 0
    """How long the mailbox rests after the first failure of a period; 0 for not at all."""
    backoff_max_ns: int = 0


class Standing(msgspec.Struct):
    """Where a supervised agent stands; with its state all there is to know of it at rest."""

    parent: str = ""
    """Address of who spawned it; empty if nobody did."""
    fresh: bytes = b""
    """JSON of the state it was created with; empty for defaults."""
    good: bytes = b""
    """JSON of the state after the last turn that ended well; empty before the first."""
    failures: list[int] = []
    """When it failed within the current period, nanoseconds since the epoch, oldest first."""
    restarts: int = 0
    """How often it was restarted in all."""
    rests_until: int = 0
    """Nanoseconds since the epoch at which the mailbox is opened again; 0 if it is open."""
    timer: int = 0
    """Issue number of the timer that ends the rest, outside any turn; 0 for none."""

    def as_data(self) -> dict[str, Any]:
        """Return it as plain values, with bytes for states."""
        data: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(bytes,))
        return data

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> "Standing":
        """Return what `as_data` was made of.

        Raises:
            msgspec.ValidationError: It was not.
        """
        return msgspec.convert(data, cls, builtin_types=(bytes,))

    def alarm(self) -> StartTimer | None:
        """Return the timer that has to be set again after a recovery."""
        return StartTimer(0, self.timer, self.rests_until) if self.timer else None

    def judge(self, policy: Policy, now: int) -> str:
        """Count a failure and return what follows from it, one of `DIRECTIVES`."""
        if policy.on_failure != RESTART:
            return policy.on_failure
        recent = [at for at in self.failures if now - at < policy.period_ns]
        self.failures = [*recent, now]
        return policy.then if len(self.failures) > policy.intensity else RESTART

    def rest_ns(self, policy: Policy, seed: str, address: str) -> int:
        """Return how long the mailbox rests after the latest failure."""
        if not policy.backoff_ns:
            return 0
        growths = min(max(len(self.failures) - 1, 0), _GROWTHS_MAX)
        rest = min(policy.backoff_ns << growths, policy.backoff_max_ns)
        chance = KeyedRandom(seed, address, "backoff", str(self.restarts)).random()
        return rest - int(rest * _JITTER * chance)
