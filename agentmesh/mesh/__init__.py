"""The front door: decides where a run goes, starts it on a driver, opens it again later.

The map: `runner` (`am.run`), `outcome` (how a run ended), `options` (what can be
chosen), `runs` (opening and listing), `replaying` (replays of stored runs).
"""

from agentmesh.telemetry import nesting

nesting.announce()  # wherever cells run in this process, once somebody imports OpenTelemetry
