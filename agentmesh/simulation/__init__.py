"""Runs in one process without Ray. `driver`: real effects and a real clock."""
