"""The engine of one process: cells, their journal, effects and timers on one asyncio loop.

Both live drivers stand on it: `fabric` puts one into each Ray actor, `simulation`
runs one alone. It knows neither: envelopes for other hosts leave through a
function it is given. The map: `engine` (the pump), `alarms` (timers and
deadlines), `performers` (effects), `tables` (cells by address).
"""
