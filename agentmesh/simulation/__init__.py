"""Runs without a cluster: live in this process, or as a world that a scheduler drives.

`driver`: real effects and a real clock. `world`: cells on a virtual clock and nothing real at
all; `pool` what may happen next, `schedulers` and `pct` who chooses, `sources` and `scripts`
what effects come to, `faults` and `harm` what goes wrong. On top of it, `explorer` goes through
all schedules that differ, `delays` through all with few deviations, and `shrinking` makes a
failing one small.
"""
