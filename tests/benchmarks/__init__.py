"""Benchmarks, run by hand: see `run`."""
