"""`agentmesh why` and `agentmesh effects-of`: causes and effects of an event, as a tree.

Most events have one cause, so that a tree drawn as usual would walk off to the right. So what
follows from an event stands right below it, and only what branches off is indented.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from agentmesh.causality.trees import AFTER, BEFORE, CAUSE, EFFECT, Node, Tree
from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.event_lines import brief, event_line, show_lines
from agentmesh.cli.wording import counted, shortened, visible
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run

if TYPE_CHECKING:
    from rich.text import Text

_PLAIN_PAYLOAD_MAX = 60
_REPEATED_MAX = 50
_AGENTS_MAX = 6
_AHEAD = (EFFECT, AFTER)


class _Row(NamedTuple):
    lead: str
    """The branches that go past, and what hangs from them."""
    event: str
    what: str
    payload: Any


def why(run: str, event: str, *, store: str | None, limit: int, as_json: bool) -> int:
    """Show what an event came from."""
    return _show(run, event, _told_why, store=store, limit=limit, as_json=as_json)


def effects_of(run: str, event: str, *, store: str | None, limit: int, as_json: bool) -> int:
    """Show what came of an event."""
    return _show(run, event, _told_effects, store=store, limit=limit, as_json=as_json)


Told = Callable[[RecordedRun, str, int], tuple[Tree, str]]


def _show(
    name: str, event: str, told: Told, *, store: str | None, limit: int, as_json: bool
) -> int:
    with open_run(name, store=store) as run:
        with terminal.working(f"reading {run.id}"):
            tree, legend = told(run, event, limit)
        if as_json:
            terminal.print_json({"run": run.id, **tree.as_json()})
        else:
            _print(tree, legend, is_cut=tree.shown >= limit)
    return exit_codes.OK


def _told_why(run: RecordedRun, event: str, limit: int) -> tuple[Tree, str]:
    tree = run.why(event, limit=limit)
    before = tree.events - 1
    return tree, (
        f"{counted(before, 'event')} before it may have mattered{_agents(tree)}.\n"
        "Each came from the one below it; a branch is what its agent had taken in before."
        if before
        else "Nothing in the run came before it."
    )


def _told_effects(run: RecordedRun, event: str, limit: int) -> tuple[Tree, str]:
    tree = run.effects_of(event, limit=limit)
    after = tree.events - 1
    return tree, (
        f"{counted(after, 'event')} after it may depend on it{_agents(tree)}.\n"
        "Each led to the one below it, or to the branches below it."
        if after
        else "Nothing in the run came of it."
    )


def _agents(tree: Tree) -> str:
    named = [f"{visible(one)} {count:,}" for one, count in tree.agents.items()]
    more = f", and {len(named) - _AGENTS_MAX} more" if len(named) > _AGENTS_MAX else ""
    return f": {', '.join(named[:_AGENTS_MAX])}{more}"


def _print(tree: Tree, legend: str, *, is_cut: bool) -> None:
    rows = list(_rows(tree.root, "", ""))
    width = max(len(row.lead) + len(row.event) for row in rows if row.event)
    show_lines(*(_line(row, width) for row in rows))
    terminal.show(terminal.styled(""))
    for line in legend.splitlines():
        terminal.show(terminal.styled(line, "dim"))
    if is_cut and tree.shown < tree.events:
        left = f"{tree.shown:,} of {tree.events:,} are shown, the nearest; more with --limit."
        terminal.show(terminal.styled(left, "dim"))


def plain_lines(tree: Tree) -> Iterator[str]:
    """Yield a tree as plain lines, for where there are no colours."""
    rows = list(_rows(tree.root, "", ""))
    width = max(len(row.lead) + len(row.event) for row in rows if row.event)
    for row in rows:
        gap = " " * (width - len(row.lead) - len(row.event) + 2)
        what = f"{row.what}  {brief(row.payload, _PLAIN_PAYLOAD_MAX)}"
        yield f"{row.lead}{row.event}{gap}{what}".rstrip()


def _line(row: _Row, width: int) -> "Text":
    if not row.event:
        return event_line((row.lead, "dim"), payload=None)
    gap = " " * (width - len(row.lead) - len(row.event) + 2)
    head = ((row.lead, "dim"), (row.event, "bold"))
    return event_line(*head, (gap + row.what, ""), payload=row.payload)


def _rows(node: Node, lead: str, follow: str) -> Iterator[_Row]:
    """Yield an event and all below it.

    Args:
        node: The event.
        lead: What stands before it.
        follow: What stands before whatever is below it.
    """
    one: Node | None = node
    while one is not None:
        yield _row(one, lead)
        branches, rest = ([], None) if one.shown_elsewhere else _parted(one.children)
        notes = _left_out(one)
        for branch in branches:
            goes_on = rest is not None or branch is not branches[-1] or bool(notes)
            mark, pass_by = ("├─ ", "│  ") if goes_on else ("└─ ", "   ")
            yield from _rows(branch, follow + mark, follow + pass_by)
        for note in notes:
            yield _Row(f"{follow}{'├─ ' if rest is not None else ''}{note}", "", "", None)
        one, lead = rest, follow


def _left_out(node: Node) -> list[str]:
    """Say what is not shown below an event."""
    notes = []
    if node.others:
        when = "later" if any(child.relation in _AHEAD for child in node.children) else "earlier"
        notes.append(
            f"... {counted(node.others, f'{when} event')} of {visible(node.event.address)}"
        )
    if node.left_out:
        notes.append(f"... {node.left_out:,} more" if node.left_out > 1 else "...")
    return notes


def _parted(children: list[Node]) -> tuple[list[Node], Node | None]:
    """Part what branches off from what simply follows."""
    relation = children[0].relation if children else ""
    if relation == CAUSE or (relation == EFFECT and len(children) == 1):
        return children[1:], children[0]
    return children, None


def _row(node: Node, lead: str) -> _Row:
    summary = node.summary
    relation = {BEFORE: "before it: ", AFTER: "after it: "}.get(node.relation, "")
    what, event = visible(relation + summary.what), visible(str(node.event))
    if node.shown_elsewhere:
        return _Row(lead, event, f"{shortened(what, _REPEATED_MAX)}  (shown elsewhere)", None)
    return _Row(lead, event, what, summary.payload)
