"""A process with a hash seed of its own that replays the runs named on its standard input.

One line in, a store and a run's id; one line out, what the replay found, as JSON.
"""

import json
import sys

from agentmesh.mesh.replaying import replay_run


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        store, run_id = line.split()
        try:
            report = replay_run(run_id, store=store)
            answer = {
                "events": report.events,
                "turns": report.turns,
                "divergences": [one.as_json() | {"text": str(one)} for one in report.divergences],
            }
        except Exception as error:  # noqa: BLE001 - told to the test
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
