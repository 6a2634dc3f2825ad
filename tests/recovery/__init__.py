"""Runs that are cut short, and go on."""
