"""What is said about the first place where a replay and its recording part.

Both sides one under the other, the field that differs, the line that issued it,
and the likely cause: a statement about evidence, never a guess dressed as a fact.
"""

import json
from dataclasses import asdict, dataclass, field

from agentmesh.journal.comparing import Difference
from agentmesh.journal.run_info import RunInfo
from agentmesh.replay.compare import as_data, pointer

_SHOWN_MAX = 400


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The first difference of one agent."""

    agent: str
    step: int
    index: int
    at_ns: int
    """Logical time of the step's event."""
    event: str
    """What happened just before: the step's event, in words."""
    recorded: dict[str, object]
    """The recorded command as plain values; empty when there was none."""
    replayed: dict[str, object]
    """The replayed command as plain values; empty when there was none."""
    pointer: str
    """JSON pointer of the first difference within the command."""
    source: list[str] = field(default_factory=list)
    """User frames that issued the replayed command, outermost first."""
    cause: str = ""
    """`code`, `prompt`, `environment`, `schedule` or `unrecorded input`."""
    explanation: str = ""
    """The likely cause in a sentence."""

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return asdict(self)

    def __str__(self) -> str:
        """Return the report for people."""
        where = f"step {self.step}, command {self.index + 1} (after {self.event})"
        lines = [
            f"{self.agent} replayed differently at {where}.",
            f"  recorded:  {_shown(self.recorded)}",
            f"  replayed:  {_shown(self.replayed)}",
        ]
        if self.recorded and self.replayed:
            lines.append(f"  differs:   {self.pointer or '/'}")
        if self.source:
            lines.append(f"  issued by: {self.source[-1]}")
            lines.extend(f"             {frame}" for frame in self.source[-2:-5:-1])
        lines.append(f"  likely:    {self.cause}: {self.explanation}")
        return "\n".join(lines)


def _shown(command: dict[str, object]) -> str:
    if not command:
        return "(nothing)"
    text = json.dumps(command, ensure_ascii=False, default=str)
    return (
        text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + f"... ({len(text):,} characters)"
    )


@dataclass(frozen=True, kw_only=True)
class Today:
    """What this process is, to be held against what recorded the run."""

    python: str
    packages: dict[str, str]
    sources: dict[str, str]
    """SHA-256 of the source of each module that defines agents."""
    hash_fingerprint: str


def causes(
    difference: Difference, info: RunInfo, today: Today, *, tainted_by_order: bool
) -> tuple[str, str]:
    """Return the likely cause and why, from strongest evidence to weakest.

    Args:
        difference: What differs.
        info: What the run says about its code and machine.
        today: The same of this process.
        tainted_by_order: Whether the same commands were issued in another order.
    """
    recorded, replayed = as_data(difference.recorded), as_data(difference.replayed)
    edited = _changed(info.sources, today.sources)
    where = f" (the source of {', '.join(edited)} differs from what was recorded)" if edited else ""
    if _is_prompt(recorded, replayed):
        return "prompt", f"the same model is asked something else{where}."
    if edited:
        return "code", f"the source of {', '.join(edited)} differs from what was recorded."
    changed = _changed(info.packages, today.packages)
    if info.python != today.python or changed:
        detail = f"Python {info.python} -> {today.python}" if info.python != today.python else ""
        shown = [f"{n} {info.packages.get(n)} -> {today.packages.get(n)}" for n in changed[:3]]
        return "environment", "; ".join(filter(None, [detail, *shown])) + "."
    if tainted_by_order and info.hash_fingerprint not in ("", today.hash_fingerprint):
        return "environment", (
            "the same commands come in another order, and the hash seed differs: usually the "
            "order of a set of strings. Replay under the recorded seed, or sort."
        )
    if tainted_by_order:
        return "schedule", "the same commands come in another order."
    seeds = ""
    if info.hash_fingerprint not in ("", today.hash_fingerprint):
        seeds = " The hash seed differs too: it may be the order of a set of strings."
    return "unrecorded input", (
        "the handler read something that its events do not contain: a module global, a clock or "
        "generator captured early, an id() or memory address, the environment, or a file." + seeds
    )


def _changed(recorded: dict[str, str], today: dict[str, str]) -> list[str]:
    """Return the names that both know with different values, sorted."""
    return sorted(name for name in recorded if today.get(name, recorded[name]) != recorded[name])


def _is_prompt(recorded: dict[str, object], replayed: dict[str, object]) -> bool:
    same = ("command", "kind", "name")
    return (
        recorded.get("kind") == "http"
        and all(recorded.get(name) == replayed.get(name) for name in same)
        and pointer(recorded, replayed).startswith("/key")
        and "request" in recorded
        and recorded["request"] != replayed.get("request")
    )
