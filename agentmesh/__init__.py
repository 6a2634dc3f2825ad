"""agentmesh: multi-agent programs on Ray whose every run can be stored, replayed and explained.

Everything exported here is public, and nothing else is.
"""

__version__ = "0.1.0"
