"""Tests of the driver on Ray, from the protocol without Ray to jobs on a real cluster."""
