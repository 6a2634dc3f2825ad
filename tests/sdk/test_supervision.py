"""What people write about failing agents: read at import, with errors that teach."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import agentmesh as am
from agentmesh.kernel.envelope import REPLY, Envelope
from agentmesh.kernel.supervision import Policy
from agentmesh.sdk.agent import agent_type_of
from agentmesh.sdk.supervision import down_of

SECOND = 1_000_000_000


def policy(supervision: Any) -> Policy | None:
    """Return what the kernel is told of an agent that is declared like this."""

    @am.agent(supervision=supervision)
    class Agent:
        count: int = 0

        @am.handler
        async def handle(self) -> None:
            """Nothing."""

    return agent_type_of(Agent).policy


@pytest.mark.parametrize(
    "supervision", [None, "resume", am.Supervision(), am.Supervision("resume")]
)
def test_resuming_is_to_have_no_policy(supervision: Any) -> None:
    """The default costs nothing: the kernel is not even told."""
    assert policy(supervision) is None


def test_a_directive_alone_is_the_short_form() -> None:
    """With everything else as usual: three failures a minute, short rests, then escalate."""
    assert policy("restart") == policy(am.Supervision("restart"))
    assert policy("restart") == Policy(
        on_failure="restart",
        intensity=3,
        period_ns=60 * SECOND,
        then="escalate",
        backoff_ns=SECOND // 10,
        backoff_max_ns=10 * SECOND,
    )


def test_all_that_can_be_said_reaches_the_kernel() -> None:
    """In nanoseconds."""
    assert policy(
        am.Supervision(
            "restart",
            state="last_good",
            attempts=2,
            intensity=9,
            period="2s",
            then="stop",
            backoff=0,
            backoff_max=3,
        )
    ) == Policy(
        last_good=True,
        attempts=2,
        intensity=9,
        period_ns=2 * SECOND,
        then="stop",
        backoff_ns=0,
        backoff_max_ns=3 * SECOND,
    )


def test_a_function_can_be_supervised_too() -> None:
    """It has no state, but messages to try again."""

    @am.agent(supervision=am.Supervision("restart", attempts=3))
    async def work() -> None:
        """Nothing."""

    made = agent_type_of(work).policy
    assert made is not None
    assert made.attempts == 3


def _function_with_state() -> None:
    @am.agent(supervision=am.Supervision("restart", state="last_good"))
    async def work() -> None:
        """Nothing."""


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "a directive that is none": (lambda: policy("retry"), "on_failure='retry'"),
    "no Supervision": (lambda: policy(3), "supervision=3"),
    "a state that is none": (lambda: am.Supervision("restart", state="old"), "state='old'"),  # type: ignore[arg-type]
    "an end that is none": (lambda: am.Supervision("restart", then="resume"), "then='resume'"),  # type: ignore[arg-type]
    "no attempt": (lambda: am.Supervision("restart", attempts=0), "whole number from 1"),
    "half an attempt": (lambda: am.Supervision("restart", attempts=1.5), "attempts=1.5"),  # type: ignore[arg-type]
    "a negative intensity": (lambda: am.Supervision("restart", intensity=-1), "number from 0"),
    "no period": (lambda: am.Supervision("restart", period=0), 'period="1m"'),
    "a period in words": (lambda: am.Supervision("restart", period="soon"), "'soon'"),
    "a negative backoff": (lambda: am.Supervision("restart", backoff=-1), "backoff=-1"),
    "a backoff over its cap": (
        lambda: am.Supervision("restart", backoff="1m"),
        "backoff_max='10s'",
    ),
    "attempts that never come": (
        lambda: am.Supervision("restart", attempts=5),
        "intensity of at least 5",
    ),
    "a restart's options without one": (
        lambda: am.Supervision("stop", attempts=2),
        r"Supervision\('restart', ...\)",
    ),
    "a state to go back to without any": (_function_with_state, "no state to go back to"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_work_is_said_at_once(name: str) -> None:
    """While the module is imported, with the value and what to write instead."""
    define, words = WRONG[name]

    with pytest.raises(am.DefinitionError, match=words) as caught:
        define()
    assert caught.value.fix


def test_a_monitor_needs_a_reference() -> None:
    """Not the class, and not its name."""
    with pytest.raises(am.DefinitionError, match=r"am\.ref\(\)"):
        am.monitor("Agent/main").send(None)


def test_what_a_monitor_tells_is_read_back() -> None:
    """The time to the microsecond, the error as the class that `except` knows."""
    said = {
        "reason": "failed",
        "error": {"type": "builtins.ValueError", "what": "w"},
        "at": 1_700_000_000_123_456_789,
    }
    down = down_of(Envelope("A/x", 1, "B/y", REPLY, payload=json.dumps(said).encode()))

    assert (down.agent, down.reason, str(down.error)) == ("A/x", "failed", "w")
    assert isinstance(down.error, ValueError)
    assert down.at == datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
