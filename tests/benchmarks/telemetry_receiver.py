"""A receiver of spans in a process of its own: counts them, and those that differ.

Prints its port, and when its standard input ends: how many came, and how many were distinct.
"""

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from agentmesh.telemetry.beside import _step_back
    from tests.telemetry.receiver import Receiver

    _step_back()  # elsewhere it would take nothing from the run
    with Receiver() as receiver:
        print(receiver.port, flush=True)
        sys.stdin.read()
        time.sleep(0.1)
        spans = [(span.trace_id, span.span_id) for span in receiver.spans]
    print(len(spans), len({*spans}), flush=True)
