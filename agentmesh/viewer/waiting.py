"""Who waited for whom, from columns: what `causality.waits` makes of the record."""

import heapq
from typing import Any

from agentmesh.causality.waits import ANSWERED, FAILED, OPEN, WITHDRAWN
from agentmesh.kernel.envelope import ASK, CANCEL, FAIL, REPLY
from agentmesh.viewer.building import Building

_OUTCOMES = {0: OPEN, 1: ANSWERED, 2: FAILED, 3: WITHDRAWN}
_CODES = {REPLY: 1, FAIL: 2, CANCEL: 3}


def waits_json(building: Building, agents: frozenset[int] | None, limit: int) -> dict[str, Any]:
    """Return who waited for whom, the longest first.

    Args:
        building: The columns.
        agents: Numbers of those whose waits are wanted; None for all.
        limit: How many waits, and pairs, at most.
    """
    table = building.tables["messages"]
    of, count = table.fields(), table.rows
    outcomes, withdrawn = bytearray(count), {}
    for row in range(count):
        code = _CODES.get(of.kind[row])
        if code is not None and 0 <= of.re[row] < count:
            if code == _CODES[CANCEL]:
                withdrawn[of.re[row]] = row
            elif of.answered[of.re[row]] == of.delivered[row]:
                outcomes[of.re[row]] = code
    last = max((agent.at[-1] for agent in building.agents if len(agent.at)), default=0)
    waits: list[tuple[float, int, float, int]] = []
    pairs: dict[tuple[int, int], list[float]] = {}
    for row in range(count):
        if of.kind[row] != ASK or of.src_step[row] < 0 or (agents and of.src[row] not in agents):
            continue
        to, code = of.answered[row], outcomes[row]
        if row in withdrawn and not code:
            to, code = of.sent[withdrawn[row]], _CODES[CANCEL]
        elif not code:
            to = float(last - building.rows.start_ns)
        spent = to - of.sent[row]
        waits.append((spent, row, to, code))
        pair = pairs.setdefault((of.src[row], of.dst[row]), [0, 0, 0])
        pair[0] += 1
        pair[1] += spent
        pair[2] = max(pair[2], spent)
    longest = heapq.nlargest(limit, waits, key=lambda one: (one[0], -one[1]))
    return {
        "count": len(waits),
        "pairs": _pairs_json(building, pairs, limit),
        "waits": [_wait_json(building, *one[1:], withdrawn.get(one[1])) for one in longest],
    }


def _pairs_json(
    building: Building, pairs: dict[tuple[int, int], list[float]], limit: int
) -> list[dict[str, Any]]:
    most = heapq.nsmallest(limit, pairs.items(), key=lambda one: (-one[1][1], one[0]))
    return [
        {
            "agent": _name(building, agent),
            "on": _name(building, on),
            "waits": int(count),
            "total_ns": int(total),
            "longest_ns": int(longest),
        }
        for (agent, on), (count, total, longest) in most
    ]


def _wait_json(
    building: Building, row: int, to: float, code: int, withdrawn: int | None
) -> dict[str, Any]:
    of, rows = building.tables["messages"].fields(), building.rows
    agent = _name(building, of.src[row])
    step = of.src_step[withdrawn] if code == _CODES[CANCEL] else of.answer_step[row]
    handler, kind = rows.handlers.texts[of.handler[row]], rows.types.texts[of.type[row]]
    return {
        "agent": agent,
        "on": _name(building, of.dst[row]),
        "call": f"{handler}({kind})",
        "began": f"{agent}@{of.src_step[row]}",
        "ended": f"{agent}@{step}" if code else "",
        "from_ns": of.sent[row],
        "to_ns": to,
        "outcome": _OUTCOMES[code],
        "row": row,
    }


def _name(building: Building, index: int) -> str:
    return building.agents[index].address if index >= 0 else ""
