"""What `run.when(...)` does: from names and a question to the events after which it holds."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from agentmesh.errors import UsageError
from agentmesh.journal.store import Store
from agentmesh.mesh.moment import Travelled
from agentmesh.mesh.naming import agent_called, agents_called
from agentmesh.mesh.replaying import replayer_of
from agentmesh.replay.driver import Progress, Replayer
from agentmesh.replay.expressions import Expression
from agentmesh.replay.parallel import in_processes
from agentmesh.replay.watching import AskedFunction, AskedText, Matches, Watch
from agentmesh.sdk.behavior import AgentBehavior
from agentmesh.sdk.resolve import behavior_for


class Watched(Travelled, Protocol):
    """What is needed of the recorded run."""

    path: str
    """The run's directory."""
    store: Store
    program: str | Path | None
    """The program's file, if it is not where it ran."""


Predicate = str | Callable[[Any], object]


def when(
    run: Watched,
    about: str,
    predicate: Predicate | None = None,
    *,
    processes: int = 1,
    on_progress: Progress | None = None,
) -> Matches:
    """Return the events after which something holds; see `RecordedRun.when`."""
    replayer = run.timelines().replayer
    if callable(predicate):
        addresses = agents_called(about, run.addresses(), run.id)
        found = Watch(replayer, AskedFunction(predicate), on_progress).each(addresses)
        return _checked(found)
    text, about_one = (about, False) if predicate is None else (predicate, True)
    expression = Expression(text, about_one=about_one)
    if about_one:
        addresses = agents_called(about, run.addresses(), run.id)
    else:
        addresses = _named(run, expression)
    _check_attributes(replayer, expression, addresses)
    if len(expression.agents) > 1:
        watch = Watch(replayer, AskedText(expression), on_progress)
        return _checked(watch.together(run.order(), addresses))
    processes = min(processes, len(addresses))
    if processes <= 1:
        return _checked(Watch(replayer, AskedText(expression), on_progress).each(addresses))
    opens = functools.partial(_open, run.path, run.store.location, run.program)
    work = functools.partial(_watch, text, about_one)
    found = Matches(question=text)
    for part in in_processes(opens, work, addresses, processes, on_progress):
        found.merge(part)
    return _checked(found)


def _named(run: Watched, expression: Expression) -> list[str]:
    """Return the agents that an expression names: one each, or all of the one type it names."""
    known = run.addresses()
    names = [
        name if key is None or "/" in name else f"{name}/{key}" for name, key in expression.agents
    ]
    if len(names) == 1:
        return agents_called(names[0], known, run.id)
    return [agent_called(name, known, run.id) for name in names]


def _check_attributes(replayer: Replayer, expression: Expression, addresses: Sequence[str]) -> None:
    """Refuse an expression about attributes that agents do not have.

    Raises:
        UsageError: It is.
    """
    for place, names in expression.attributes.items():
        behavior = behavior_for(replayer.context, addresses[place])
        made = behavior.agent_type if isinstance(behavior, AgentBehavior) else None
        known = list(made.state.hints) if made is not None and made.state is not None else []
        for name in names:
            if name not in known:
                kind = addresses[place].partition("/")[0]
                raise UsageError(
                    f"{kind} has no attribute {name!r}.",
                    cause=f"Its state is {', '.join(known)}."
                    if known
                    else f"{kind} has no state: it is a function, or has no annotated attributes.",
                    fix="Ask about one of these; `agentmesh state` shows their values."
                    if known
                    else "Ask about another agent; `agentmesh search` looks into messages.",
                )


def _checked(found: Matches) -> Matches:
    """Return what was found, unless nothing could be found out.

    Raises:
        UsageError: Asking failed after every event.
    """
    failure = found.failure
    if failure is not None and found.failures == found.asked:
        values = ", ".join(f"{name} = {value}" for name, value in failure.values.items())
        raise UsageError(
            f"{found.question!r} fails after each of {found.asked:,} events, first after "
            f"{failure.at} with {failure.error}.",
            cause=f"There, {values}." if values else "",
            fix="Correct it: the values are those that `agentmesh state` shows.",
        )
    return found


def _open(path: str, location: str, program: str | Path | None) -> Replayer:
    """Open a run in a process of its own; it stays open as long as the process lives."""
    store = Store(location)
    run = store.open_run(path if Path(path).exists() else Path(path).name)
    return replayer_of(run, store.redactor_for(run.info), program)


def _watch(
    text: str,
    about_one: bool,  # noqa: FBT001 - pickled by place
    replayer: Replayer,
    addresses: list[str],
    tell: Progress,
) -> Matches:
    question = AskedText(Expression(text, about_one=about_one))
    matches = Watch(replayer, question, tell).each(addresses)
    tell(matches.events)
    return matches
