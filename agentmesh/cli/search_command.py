"""`agentmesh search`: where something was said or done, as references to events."""

from itertools import islice
from typing import TypedDict

from agentmesh.causality.search import Hit
from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.event_lines import event_line, show_lines
from agentmesh.cli.wording import clock, counted, visible
from agentmesh.mesh.runs import open_run


class Wanted(TypedDict):
    """What `RecordedRun.search` is asked for."""

    text: str
    agents: tuple[str, ...]
    kinds: tuple[str, ...]
    type: str
    where: str
    failed: bool


def search(name: str, wanted: Wanted, *, store: str | None, limit: int, as_json: bool) -> int:
    """Print what is searched for; the exit code is 1 if there is nothing, as that of grep."""
    with open_run(name, store=store) as run, terminal.working(f"searching {run.id}"):
        hits = list(islice(run.search(**wanted), limit + 1))
    more, hits = len(hits) > limit, hits[:limit]
    if as_json:
        found = [hit.as_json() for hit in hits]
        terminal.print_json({"run": run.id, "hits": found, "more": more})
    else:
        _print(hits, limit if more else 0)
    return exit_codes.OK if hits else exit_codes.FAILED


def _print(hits: list[Hit], cut_at: int) -> None:
    width = max((len(visible(hit.event)) for hit in hits), default=0)
    for hit in hits:
        event = (visible(hit.event).ljust(width), "bold")
        words = (f"  {visible(hit.what)}", "")
        show_lines(event_line((f"{clock(hit.at_ns)}  ", "dim"), event, words, payload=hit.payload))
    if not hits:
        terminal.hint("Nothing in the run is like that.")
    elif cut_at:
        terminal.hint(f"These are the first {counted(cut_at, 'hit')}; more with --limit.")
