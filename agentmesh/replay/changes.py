"""What differs between two views of one agent.

Of its state, that is said by JSON pointer; of all else, by what came and went.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agentmesh.replay.view import HANDLER, AgentView, TurnView

CHANGES_MAX = 1_000

_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference."""

    pointer: str
    """JSON pointer (RFC 6901) as in `/state/lamps`, or what came or went: `/asks/main/root#3`."""
    before: Any
    """None where there was nothing."""
    after: Any
    """None where nothing is left."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def changes(before: AgentView, after: AgentView) -> list[Change]:
    """Return what differs, the state first; not more than `CHANGES_MAX`."""
    found: list[Change] = []
    for change in _changes(before, after):
        found.append(change)
        if len(found) == CHANGES_MAX:
            break
    return found


def _changes(before: AgentView, after: AgentView) -> Iterator[Change]:
    yield from _values("/state", before.state, after.state)
    for name in ("lifecycle", "problem"):
        yield from _values(f"/{name}", getattr(before, name), getattr(after, name))
    for name, key in _LISTS:
        yield from _listed(name, key, getattr(before, name), getattr(after, name))
    earlier = {turn.number: turn for turn in before.turns}
    for turn in after.turns:
        if turn.number in earlier:
            yield from _moved(earlier[turn.number], turn)


_LISTS = (
    ("mailbox", ("id",)),
    ("turns", ("number",)),
    ("effects", ("turn", "number")),
    ("asks", ("message",)),
    ("timers", ("turn", "number")),
)


def _values(at: str, before: Any, after: Any) -> Iterator[Change]:
    """Yield the differences of two JSON values."""
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            token = str(key).replace("~", "~0").replace("/", "~1")
            one, other = before.get(key, _MISSING), after.get(key, _MISSING)
            yield from _values(f"{at}/{token}", one, other)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one = before[index] if index < len(before) else _MISSING
            other = after[index] if index < len(after) else _MISSING
            yield from _values(f"{at}/{index}", one, other)
    else:
        one = None if before is _MISSING else before
        yield Change(pointer=at, before=one, after=None if after is _MISSING else after)


def _listed(
    name: str, key: tuple[str, ...], before: Sequence[Any], after: Sequence[Any]
) -> Iterator[Change]:
    """Yield what came into a list and what left it."""
    one = {_key(each, key): each for each in before}
    other = {_key(each, key): each for each in after}
    for known, item in one.items():
        if known not in other:
            yield Change(pointer=f"/{name}/{known}", before=_shown(item), after=None)
    for known, item in other.items():
        if known not in one:
            yield Change(pointer=f"/{name}/{known}", before=None, after=_shown(item))


def _key(item: Any, key: tuple[str, ...]) -> str:
    return ".".join(str(getattr(item, each)) for each in key)


def _shown(item: Any) -> Any:
    if isinstance(item, TurnView):
        return {"handler": item.message.handler, "payload": item.message.payload, **_places(item)}
    return asdict(item)


def _moved(before: TurnView, after: TurnView) -> Iterator[Change]:
    """Yield where the tasks of a turn stand now."""
    one, other = _places(before), _places(after)
    yield from _values(f"/turns/{after.number}", one, other)


def _places(turn: TurnView) -> dict[str, Any]:
    found = {}
    for task in turn.tasks:
        frames = [frame for frame in task.stack if not frame.library]
        if not frames and task.name != HANDLER:
            continue  # what the handler waits for says it
        at = f"{frames[-1].file}:{frames[-1].line} in {frames[-1].function}" if frames else ""
        found[task.name] = " waits for ".join(part for part in (at, task.waits_for) if part)
    return found
