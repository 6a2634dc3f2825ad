"""Benchmarks, by hand: `python tests/benchmarks/run.py [NAME ...] [--json]`.

Each NAME prints one table. Exit code 1 when a target is missed, 2 for an unknown name.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

NAMES = (
    "messaging",
    "journal",
    "replay",
    "startup",
    "density",
    "durable",
    "recovery",
    "flow",
    "lint",
    "divergence",
    "timetravel",
    "simulation",
    "telemetry",
    "zoo",
    "attribution",
    "counterfactual",
)


def main(arguments: list[str]) -> int:
    """Run the benchmarks that were named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        print(
            f"No benchmark is called {unknown[0]!r}; there are: {', '.join(NAMES)}.",
            file=sys.stderr,
        )
        return 2
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.benchmarks.table import shown

    missed = False
    for name in chosen.names or NAMES:
        rows = importlib.import_module(f"tests.benchmarks.{name}").measure()
        missed |= any(row.met is False for row in rows)
        if chosen.json:
            print(json.dumps({"name": name, "rows": [row.as_json() for row in rows]}), flush=True)
        else:
            print(f"\n{name}\n\n{shown(rows)}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
