"""Tests of the viewer: its server, its page, and both together in a browser."""
