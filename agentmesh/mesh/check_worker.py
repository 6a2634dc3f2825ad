"""What a process of `agentmesh check` does: replay the runs it is told, and say what differs.

It knows one program. Whatever goes wrong with a run, also in importing the program, is its
answer; the answer goes to a stream of its own, so that the program may print what it likes.
"""

import json
import os
import sys
from typing import Any

from agentmesh.mesh.check_report import DIFFERS, SAME, unchecked
from agentmesh.mesh.replaying import replay_run
from agentmesh.replay.divergence import Divergence


def main() -> None:
    """Answer until nothing more is asked."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for line in sys.stdin:
        job = json.loads(line)
        answers.write(json.dumps(_checked(job), default=str) + "\n")
        answers.flush()


def _checked(job: dict[str, Any]) -> dict[str, Any]:
    name = str(job["name"])
    try:
        report = replay_run(
            name, store=job["store"], program=job["program"] or None, agents=job["agents"]
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the answer
        return unchecked(name, error)
    first = report.divergences[0] if report.divergences else None
    return {
        "run": report.run_id,
        "status": SAME if first is None else DIFFERS,
        "agents": report.agents,
        "events": report.events,
        "seconds": report.seconds,
        "divergences": len(report.divergences),
        "event": "" if first is None else first.reference,
        "first": {} if first is None else first.as_json(),
        "report": "" if first is None else str(first),
        "why": "" if first is None else in_short(first),
    }


def in_short(divergence: Divergence) -> str:
    """Return the class of a cause and what it comes from: what runs are grouped by."""
    if divergence.changed:
        names = sorted(one.shown for one in divergence.changed)
        return f"{divergence.cause}: {', '.join(names[:_NAMES_MAX])} changed"
    return f"{divergence.cause}: {divergence.explanation}"


_NAMES_MAX = 5
