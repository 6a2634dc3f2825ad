"""Two runs side by side, as the page gets them."""

import difflib
from typing import Any

from agentmesh.causality.alignment import Parting, align
from agentmesh.causality.figures import figures
from agentmesh.causality.json_path import first_difference
from agentmesh.causality.summaries import value_of
from agentmesh.viewer.catalogue import figures_json
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.payloads import indented, looks_like_json, payload_json

LINES_MAX = 4_000
_TEXT_MAX = 512 * 1024


def diff_json(one: OpenRun, other: OpenRun) -> dict[str, Any]:
    """Return where each agent's events part in two runs, and what the runs came to."""
    orders = one.graph().order, other.graph().order
    with one.fresh() as left, other.fresh() as right:
        found = align((left, orders[0]), (right, orders[1]))
        counted = figures(left), figures(right)
    partings = [_parting_json(each) for each in found.partings]
    until = {each["agent"]: each["step"] for each in partings}
    here, there = one.building.rows.by_address, other.building.rows.by_address
    agents = []
    for address in sorted({*here, *there}):
        mine, its = here.get(address), there.get(address)
        counts = [0 if each is None else len(each.at) for each in (mine, its)]
        agents.append(
            {
                "address": address,
                "a_index": None if mine is None else mine.index,
                "b_index": None if its is None else its.index,
                "a_events": counts[0],
                "b_events": counts[1],
                "same_until": until.get(address, min(counts)),
            }
        )
    return {
        "identical": found.identical,
        "partings": partings,
        "first": 0 if partings else None,
        "same": found.same,
        "only_a": found.only_one,
        "only_b": found.only_other,
        "agents": agents,
        "results": [one.info.result, other.info.result],
        "errors": [one.info.error, other.info.error],
        "figures": [
            {**figures_json(run.info, said), **said.as_json()}
            for said, run in zip(counted, (one, other), strict=True)
        ],
        "fork": _fork(one, other),
    }


def payload_diff_json(one: bytes, other: bytes) -> dict[str, Any]:
    """Return two payloads, and which of their lines differ."""
    texts = [_lines(data) for data in (one, other)]
    lines, cut = [], any(len(data) > _TEXT_MAX for data in (one, other))
    matcher = difflib.SequenceMatcher(None, texts[0], texts[1])
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            lines += [[" ", line] for line in texts[0][a:b]]
        else:
            lines += [["-", line] for line in texts[0][a:b]]
            lines += [["+", line] for line in texts[1][c:d]]
    return {
        "a": payload_json(one, "event"),
        "b": payload_json(other, "event"),
        "pointer": first_difference(value_of(one), value_of(other)),
        "lines": lines[:LINES_MAX],
        "cut": cut or len(lines) > LINES_MAX,
    }


def _lines(data: bytes) -> list[str]:
    text = data[:_TEXT_MAX].decode("utf-8", "replace")
    return (indented(text) if looks_like_json(data) else text).splitlines()


def _parting_json(parting: Parting) -> dict[str, Any]:
    said = parting.as_json()
    step = next(
        (int(side.event.rpartition("@")[2]) for side in (parting.one, parting.other) if side.event),
        0,
    )
    return {**said, "step": step, "after_ns": parting.after_ns}


def _fork(one: OpenRun, other: OpenRun) -> dict[str, Any] | None:
    """Return how one of the runs is a branch of the other; None if neither is."""
    for parent, branch, name in ((one, other, "a"), (other, one, "b")):
        if branch.info.parent == parent.id:
            edits = [
                each
                for each in branch.info.interventions
                if isinstance(each, dict) and each.get("branch") == branch.id
            ]
            event = next((str(each.get("event", "")) for each in edits), "")
            return {"parent": name, "event": event, "edits": edits}
    return None
