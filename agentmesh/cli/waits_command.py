"""`agentmesh waits`: who waited for whom, and how long."""

from agentmesh.causality.waits import ANSWERED, Waits
from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.wording import clock, counted, took_ns, visible
from agentmesh.mesh.replaying import chosen
from agentmesh.mesh.runs import open_run


def waits(
    name: str, *, agents: tuple[str, ...], store: str | None, limit: int, as_json: bool
) -> int:
    """Show who waited for whom in a run.

    Args:
        name: The run.
        agents: Whose waits; all for none.
        store: Where runs are kept.
        limit: How many waits, and pairs of agents, to show.
        as_json: Whether to print JSON: all pairs, and all waits that were kept.
    """
    with open_run(name, store=store) as run:
        with terminal.working(f"reading {run.id}"):
            found = run.waits(*chosen(run, agents))
        if as_json:
            terminal.print_json({"run": run.id, **found.as_json()})
        elif not found.count:
            terminal.show(terminal.styled("Nobody waited: no agent asked another."))
        else:
            _show(found, limit)
    return exit_codes.OK


def _show(found: Waits, limit: int) -> None:
    pairs = terminal.table("waiting", "on", "times", "altogether", "longest", right=_NUMBERS)
    for pair in found.pairs[:limit]:
        total, longest = took_ns(pair.total_ns), took_ns(pair.longest_ns)
        pairs.add_row(visible(pair.agent), visible(pair.on), f"{pair.waits:,}", total, longest)
    longest_ones = terminal.table("took", "waiting", "on", "for", "from", "until", right=["took"])
    for wait in found.waits[:limit]:
        until = visible(wait.ended) or "(open)"
        if wait.outcome not in (ANSWERED, "open"):
            until += f" ({wait.outcome})"
        longest_ones.add_row(
            took_ns(wait.duration_ns),
            visible(wait.agent),
            visible(wait.on),
            visible(wait.call),
            f"{clock(wait.from_ns)} {visible(wait.began)}",
            until,
        )
    terminal.show(pairs, terminal.styled(""), longest_ones)
    more = max(found.count, len(found.pairs)) > limit
    if more:
        text = f"\n{counted(found.count, 'wait')} of {counted(len(found.pairs), 'pair')} of agents"
        terminal.show(terminal.styled(f"{text}; more with --limit.", "dim"))


_NUMBERS = ("times", "altogether", "longest")
