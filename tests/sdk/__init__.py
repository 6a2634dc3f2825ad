"""Definitions and messages: what works, and what is refused with the fix."""
