"""`agentmesh when`: after which events something holds for the state of agents."""

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.replay_command import worth
from agentmesh.cli.wording import clock, compact, counted, shortened, visible
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run
from agentmesh.replay.watching import Found, Matches, Span
from agentmesh.replay.wording import in_words

_VALUE_MAX = 300


def when(
    name: str,
    question: str,
    *,
    agent: str | None,
    limit: int,
    processes: int,
    store: str | None,
    as_json: bool,
) -> int:
    """Show after which events it holds; return the exit code: 1 if it never does.

    Raises:
        UsageError: The question can't be understood, or may do more than look.
        UnknownAgentError: The run has no such agent.
    """
    with open_run(name, store=store) as run:
        hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
        with terminal.quiet_output(), terminal.working(f"replaying {run.id}") as update:

            def tell(events: int) -> None:
                update(counted(events, "event"))

            about, predicate = (question, None) if agent is None else (agent, question)
            found = run.when(about, predicate, processes=processes or worth(run), on_progress=tell)
        if as_json:
            terminal.print_json({"run": run.id, **found.as_json()})
        else:
            _show(run, found, limit)
    if found.divergences:
        return exit_codes.DIVERGED
    return exit_codes.OK if found else exit_codes.FAILED


def _show(run: RecordedRun, found: Matches, limit: int) -> None:
    words = f"after {counted(found.holds, 'event')} of {found.events:,}"
    headline = f"{visible(found.question)}  holds {words if found else 'after no event'}"
    terminal.show(terminal.styled(headline, "bold"))
    if found.first is not None and found.last is not None:
        pairs = [("first", _in_words(run, found.first)), ("last", _in_words(run, found.last))]
        terminal.show(terminal.pairs(pairs), terminal.styled(""))
        _show_spans(found, limit)
    if found.failure is not None:
        _show_failures(found)
    for divergence in found.divergences:
        first = visible(str(divergence), keep_lines=True)
        text = f"\n{visible(divergence.agent)} was looked at only up to here:\n{first}"
        terminal.show(terminal.styled(text, "red"))
    if found.first is not None:
        terminal.hint(f"\nagentmesh state {run.id} --event {found.first}")
        terminal.hint(f"agentmesh why {run.id} {found.first}")


def _in_words(run: RecordedRun, found: Found) -> str:
    step = next(run.steps(found.address, start=found.step))
    return visible(f"{found}  {clock(found.at)}  {in_words(step)}")


def _show_spans(found: Matches, limit: int) -> None:
    spans = sorted(found.spans, key=lambda each: (each.first.at, each.first))
    table = terminal.table(
        "holds after", "to", "events", "at", "where", right=["events"], cut=["where"]
    )
    for span in spans[:limit]:
        table.add_row(
            visible(str(span.first)),
            visible(_end(span)),
            f"{span.events:,}",
            clock(span.first.at),
            terminal.one_line(_values(span)),
        )
    terminal.show(table)
    more = len(spans) - limit + found.left_out
    if more > 0:
        terminal.hint(f"{counted(more, 'more row')}: --limit shows more, --json all")


def _end(span: Span) -> str:
    if span.events == 1:
        return ""
    same = span.first.address == span.last.address
    return f"@{span.last.step}" if same else str(span.last)


def _values(span: Span) -> str:
    parts = [f"{visible(name)} = {compact(value)}" for name, value in span.values.items()]
    return shortened(", ".join(parts), _VALUE_MAX)


def _show_failures(found: Matches) -> None:
    failure = found.failure
    assert failure is not None
    text = f"\nIt could not be told after {counted(found.failures, 'event')}, which count as no."
    terminal.show(terminal.styled(text, "yellow"))
    rows = [("first", visible(f"{failure.at}  {failure.error}"))]
    rows += [(visible(name), visible(value)) for name, value in failure.values.items()]
    terminal.show(terminal.pairs(rows))
