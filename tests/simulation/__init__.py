"""Tests of worlds: programs for them, and what enumerates their schedules."""
