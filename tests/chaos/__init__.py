"""Runs whose processes are killed, stopped and starved on purpose."""
