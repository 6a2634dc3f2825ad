"""Checks of the source itself that no linter makes, as functions from sources to findings.

- `source`: what is read, and what a finding is
- `sizes`: files and functions stay small
- `wording`: every module says what it is; no notes to self, no machine's paths
- `determinism`: nothing unordered and nothing ambient where a run must replay
- `graph`: nobody imports the front door, no module is orphaned, every library is declared

`tests/test_tidy.py` runs them over the project, and over planted sources that each must find.
"""
