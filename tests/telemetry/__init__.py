"""Tests of telemetry: programs, and a receiver that nobody of agentmesh wrote the decoder of."""
