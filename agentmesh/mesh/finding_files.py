"""What was found out about a run, kept beside it: `findings/<kind>-<digest>.json`.

A file is a JSON object with `kind`, `version`, `run` and `made_at_ns`; what else there is depends
on the kind, and `version` is raised by any change that a reader would misread. The same question
asked again replaces its file. A run whose store can't be written (a packed one) has none.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

from agentmesh.errors import StoreError
from agentmesh.journal.files import join
from agentmesh.journal.run import Run

FINDINGS = "findings"
VERSION = 1


def keep_finding(run: Run, kind: str, question: Any, found: dict[str, Any]) -> str | None:
    """Write down what was found.

    Args:
        run: The run.
        kind: Of finding: `races`, `attribution`.
        question: What was asked, as JSON: names the file.
        found: What was found, as JSON.

    Returns:
        Where; None if the run's store can't be written.
    """
    asked = json.dumps(question, sort_keys=True, default=str).encode()
    name = f"{kind}-{hashlib.sha256(asked).hexdigest()[:8]}.json"
    path = join(run.path, FINDINGS, name)
    head = {"kind": kind, "version": VERSION, "run": run.id, "made_at_ns": time.time_ns()}
    data = json.dumps({**head, "question": question, **found}, ensure_ascii=False, default=str)
    try:
        run.files.write(path, data.encode("utf-8", "backslashreplace"))
    except (OSError, StoreError, NotImplementedError, ValueError):
        return None
    return path


def findings_of(run: Run, kind: str = "") -> Iterator[dict[str, Any]]:
    """Yield what was found out about a run; what can't be read is left out.

    Args:
        run: The run.
        kind: Only of this kind.
    """
    folder = join(run.path, FINDINGS)
    for name in run.files.names(folder):
        if not name.endswith(".json"):
            continue
        try:
            found = json.loads(run.files.read(join(folder, name)))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and (not kind or found.get("kind") == kind):
            yield found
