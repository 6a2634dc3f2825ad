"""The tests: `tests/<package>/test_<module>.py` mirrors `agentmesh/<package>/<module>.py`."""
