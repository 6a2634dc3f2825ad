"""Replays: random programs, planted nondeterminism, reports."""
