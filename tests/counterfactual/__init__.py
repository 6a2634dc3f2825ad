"""Branches of recorded runs."""
