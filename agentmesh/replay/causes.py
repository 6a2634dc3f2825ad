"""The likely cause of a divergence, and what speaks for it: evidence, and nothing else.

Rules, from the strongest evidence to the weakest; the first that applies names the class:

1. The step was replayed twice here and did two different things: `unrecorded input`.
2. Code that had a say has changed: `code`, or `prompt` where a model is asked something else.
3. What came in was redacted before it was replayed: `redaction`.
4. Python or a package is another one: `environment`.
5. The same in another order: `environment` if the hash seed differs, `schedule` if not.
6. None of that: `unrecorded input`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentmesh.journal.run_info import RunInfo
from agentmesh.replay.code_changes import CodeChange, CodeChanges, changed_since

CODE, PROMPT, REDACTION = "code", "prompt", "redaction"
ENVIRONMENT, SCHEDULE, UNRECORDED = "environment", "schedule", "unrecorded input"
CAUSES = (CODE, PROMPT, REDACTION, ENVIRONMENT, SCHEDULE, UNRECORDED)

_SHOWN_MAX = 3


@dataclass(frozen=True, kw_only=True)
class Today:
    """What this process is, to be held against what recorded the run."""

    python: str
    packages: dict[str, str]
    sources: dict[str, str]
    """SHA-256 of the source of each module that defines agents."""
    hash_fingerprint: str
    hash_seed: str | None = None
    """None where it is not known."""
    functions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Digests of the program's functions, classes and constants, by module and name."""
    files: dict[str, str] = field(default_factory=dict)
    """Files of the program's modules."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known about one divergence."""

    pointer: str
    """Where the commands differ first."""
    asks_model: bool
    """Whether both sides are a request to the same model."""
    code: CodeChanges
    unstable: bool
    """Whether the step did something else when it was replayed a second time."""
    reordered: bool
    """Whether both sides have the same parts in another order."""
    redacted: str = ""
    """Reference of the latest event of the agent that has placeholders in it; empty for none."""
    redacted_later: bool = False
    """Whether they were put there when the run was exported, after it had ended."""
    lost_mark: str = ""
    """Name of a change that the recorded turn took the new path of, and today's does not."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The class of a cause, and why."""

    cause: str
    explanation: str
    """In a sentence."""
    evidence: list[str]
    """Everything that was found, also what speaks for something else; in words."""


def judge(info: RunInfo, today: Today, facts: Facts) -> Verdict:
    """Return the likely cause of a divergence.

    Args:
        info: What the run says about its code and machine.
        today: The same of this process.
        facts: What is known about the divergence.
    """
    evidence = [*_on_code(facts, info, today), *_on_machine(info, today), *_on_values(facts)]
    cause, why = _named(info, today, facts)
    return Verdict(cause=cause, explanation=why, evidence=evidence)


def _named(info: RunInfo, today: Today, facts: Facts) -> tuple[str, str]:
    if facts.unstable:
        return UNRECORDED, (
            "replayed twice in this process, the step did two different things: the handler reads "
            "something that no event contains and that does not stand still, such as a module "
            "global, a clock or generator captured early, or an id()."
        )
    if facts.code.used or (not info.functions and changed_since(info.sources, today.sources)):
        prompt = facts.asks_model and _in_prompt(facts.pointer)
        asks = "the same model is asked something else: " if prompt else ""
        return PROMPT if prompt else CODE, asks + _changed(facts, info, today)
    if facts.redacted_later or (facts.redacted and not _machine(info, today)):
        return REDACTION, (
            f"{facts.redacted} brings placeholders where the run had secrets: the handler makes "
            "something else of them, and what it saw is not in the recording."
        )
    machine = _machine(info, today)
    if machine:
        return ENVIRONMENT, f"{'; '.join(machine[:_SHOWN_MAX])}."
    if facts.reordered and other_hash_seed(info, today):
        return ENVIRONMENT, (
            "the same comes in another order, and the hash seed differs: usually the order of a "
            "set of strings. Replay under the recorded seed, or sort."
        )
    if facts.reordered:
        return SCHEDULE, (
            "the same comes in another order, with the same code, packages and hash seed: usually "
            "the order of objects in a set, or of id()s."
        )
    return UNRECORDED, _unrecorded(facts, other_hash_seed(info, today))


def _unrecorded(facts: Facts, other_seed: bool) -> str:  # noqa: FBT001 - private
    same = "no code that ran here has changed, so " if not facts.code.others else ""
    seeds = " The hash seed differs too: it may be the order of a set of strings."
    return (
        f"{same}the handler read something that its events do not contain: a module global, a "
        "clock or generator captured early, an id() or memory address, the environment, or a file."
        + (seeds if other_seed else "")
    )


def _changed(facts: Facts, info: RunInfo, today: Today) -> str:
    used = facts.code.used
    if not used:
        modules = ", ".join(changed_since(info.sources, today.sources))
        return f"the source of {modules} differs from what was recorded."
    first = used[0]
    also = [one.shown for one in used[1 : 1 + _SHOWN_MAX]]
    more = f" So did {_listed(also)}." if also else ""
    lost = f" It no longer takes the new path of {facts.lost_mark!r}." if facts.lost_mark else ""
    return f"{first.shown} {_what_happened(first)}.{more}{lost}"


def _what_happened(change: CodeChange) -> str:
    said = "is new" if change.how == "new" else "changed since the run was recorded"
    if change.ran_at is None:
        return f"{said}, and what ran here names it"
    return f"{said}, and ran here"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _in_prompt(pointer: str) -> bool:
    """Tell whether a place in a request is what the model reads, and not how it is asked."""
    field = pointer.removeprefix("/request").removeprefix("/json").split("/")[1:2]
    return field[:1] in ([], ["messages"], ["input"], ["instructions"], ["prompt"], ["system"])


def other_hash_seed(info: RunInfo, today: Today) -> bool:
    """Tell whether sets of strings have another order here."""
    if info.hash_fingerprint:
        return info.hash_fingerprint != today.hash_fingerprint
    return info.hash_seed is not None and info.hash_seed != today.hash_seed


def _machine(info: RunInfo, today: Today) -> list[str]:
    found = []
    if info.python and info.python != today.python:
        found.append(f"Python {info.python} -> {today.python}")
    found += [
        f"{name} {version} -> {today.packages.get(name) or 'not installed'}"
        for name, version in info.packages.items()
        if today.packages.get(name) != version
    ]
    return found


def _on_code(facts: Facts, info: RunInfo, today: Today) -> list[str]:
    found = [f"{one.shown} {_what_happened(one)}" for one in facts.code.used]
    if facts.code.others:
        names = ", ".join(facts.code.others[:_SHOWN_MAX])
        found.append(f"{names} changed, but had no say in what this agent did up to here")
    edited = changed_since(info.sources, today.sources)
    if edited and not info.functions:
        found.append(f"the source of {', '.join(edited)} differs from what was recorded")
    if not edited and not facts.code.used:
        found.append("the source of the program's agents is what was recorded")
    if info.code.dirty:
        found.append(f"the run recorded changes that commit {info.code.commit[:10]} does not have")
    return found


def _on_machine(info: RunInfo, today: Today) -> list[str]:
    seeds = ["the hash seed is another one"] if other_hash_seed(info, today) else []
    return [*_machine(info, today), *seeds]


def _on_values(facts: Facts) -> list[str]:
    found = []
    if facts.unstable:
        found.append("replayed twice in this process, the step did two different things")
    if facts.reordered:
        found.append("both sides have the same parts in another order")
    if facts.redacted:
        found.append(f"{facts.redacted} has placeholders where the run had secrets")
    return found
