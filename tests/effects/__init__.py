"""Tests of effects: tools, functions, HTTP and models, live and replayed."""
