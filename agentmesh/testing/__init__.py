"""What agentmesh offers to tests: simulated models (`models` has the parts they are made of)."""

from agentmesh.testing.models import ModelServer, SimulatedModels, serve

__all__ = ["ModelServer", "SimulatedModels", "serve"]
