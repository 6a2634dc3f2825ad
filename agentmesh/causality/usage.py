"""Tokens that a model call used, as its provider counted them and the journal has it.

Providers count alike and name things differently: here all input is one number, and what of it
was read from or written to a cache is said beside it. What tokens cost is not known here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.causality.summaries import value_of
from agentmesh.journal.records import Step
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import CancelEffect, StartEffect
from agentmesh.kernel.events import EffectFailed, EffectFinished

_IN = ("prompt_tokens", "input_tokens")
_OUT = ("completion_tokens", "output_tokens")
_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_CACHE_READ = "cache_read_input_tokens"
_CACHE_WRITTEN = "cache_creation_input_tokens"
_STREAMED = b'"streamed_bytes"'
"""In the record of an answer that came in pieces, which says what it used only if asked to."""


@dataclass(kw_only=True)
class Usage:
    """Tokens of one model call, or of several."""

    calls: int = 0
    input_tokens: int = 0
    """All that was sent, wherever the provider had it from."""
    cached_tokens: int = 0
    """Of the input: read from the provider's cache."""
    written_tokens: int = 0
    """Of the input: written to its cache, where that is charged for."""
    output_tokens: int = 0
    uncounted: int = 0
    """Calls whose answers do not say what they used."""

    def add(self, other: "Usage") -> None:
        """Add what other calls used."""
        self.calls += other.calls
        self.input_tokens += other.input_tokens
        self.cached_tokens += other.cached_tokens
        self.written_tokens += other.written_tokens
        self.output_tokens += other.output_tokens
        self.uncounted += other.uncounted


class Tally:
    """Adds up what the model calls of a run used, agent by agent.

    Args:
        run: The run, open.
    """

    def __init__(self, run: Run) -> None:
        self.usage: dict[str, Usage] = {}
        self._run = run
        self._asked: dict[tuple[int, int], StartEffect] = {}

    def begin(self) -> None:
        """Go on with another agent."""
        self._asked.clear()

    def take(self, step: Step) -> None:
        """Take in a step of the agent: what has ended, and what it asks for."""
        if isinstance(step.event, EffectFinished | EffectFailed):
            self._end(step.event)
        for command in step.commands:
            if isinstance(command, StartEffect):
                self._asked[command.turn, command.n] = command
            elif isinstance(command, CancelEffect):
                self._asked.pop((command.turn, command.n), None)

    def _end(self, event: EffectFinished | EffectFailed) -> None:
        asked = self._asked.pop((event.turn, event.n), None)
        if isinstance(event, EffectFinished):
            result = self._run.resolve(event).result
            add_usage(
                self.usage,
                result,
                lambda: b"" if asked is None else self._run.resolve(asked).request,
            )


def usage_by_model(run: Run) -> dict[str, Usage]:
    """Return what the model calls of a run used; reads the run once.

    Args:
        run: The run, open.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    tally = Tally(run)
    for address in run.addresses():
        tally.begin()
        for step in run.steps(address, resolve=False):
            tally.take(step)
    return tally.usage


def add_usage(
    usage: dict[str, Usage], result: bytes, request: Callable[[], bytes] = bytes
) -> Usage | None:
    """Add what an effect used, if it was a model call.

    Args:
        usage: By model: where to add.
        result: The effect's, as recorded.
        request: Returns what was asked: it names the model where the result does not.

    Returns:
        What was added; None for other effects.
    """
    said = usage_of(result)
    if said is None and _STREAMED not in result:
        return None
    model, used = said or ("", Usage(calls=1, uncounted=1))
    model = model or model_in(request())
    if said is None and not model:
        return None
    usage.setdefault(model, Usage()).add(used)
    return used


def usage_of(result: bytes) -> tuple[str, Usage] | None:
    """Return the model that answered and the tokens it counted; None for other effects.

    Args:
        result: A recorded result. The model is empty where it does not say which it was.
    """
    if b'"usage"' not in result:
        return None
    value = value_of(result)
    if not isinstance(value, dict):
        return None
    body = value.get("json", value)
    if not isinstance(body, dict) or not isinstance(body.get("usage"), dict):
        body = value  # of a streamed answer
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    model = body.get("model")
    return model if isinstance(model, str) else "", _counted(usage)


def model_in(request: bytes) -> str:
    """Return the model that a recorded request asks for; empty if it names none."""
    value = value_of(request) if b'"model"' in request else None
    body = value.get("json", value) if isinstance(value, dict) else None
    model = body.get("model") if isinstance(body, dict) else None
    return model if isinstance(model, str) else ""


def _counted(usage: Mapping[str, Any]) -> Usage:
    found = Usage(calls=1, input_tokens=_first(usage, _IN), output_tokens=_first(usage, _OUT))
    details: dict[str, Any] = next(
        (usage[name] for name in _DETAILS if isinstance(usage.get(name), dict)), {}
    )
    found.cached_tokens = _first(details, ("cached_tokens",))
    if _CACHE_READ in usage or _CACHE_WRITTEN in usage:  # counted beside the input, not in it
        found.cached_tokens = _first(usage, (_CACHE_READ,))
        found.written_tokens = _first(usage, (_CACHE_WRITTEN,))
        found.input_tokens += found.cached_tokens + found.written_tokens
    return found


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int:
    found = (usage.get(name) for name in names)
    return next((n for n in found if type(n) is int and n >= 0), 0)
