"""What the command's exit code says."""

OK = 0
FAILED = 1
"""The run, or what was asked for, failed."""
USAGE = 2
"""The command was called in a way that can't work."""
DIVERGED = 3
"""A replay did something else than the recorded run."""
INTERRUPTED = 130
"""Ctrl-C: 128 and the signal's number, as shells count."""
