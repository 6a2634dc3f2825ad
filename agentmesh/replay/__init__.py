"""Re-executing recorded runs, without Ray, network or key, and saying what differs.

The map: `driver` (feed every cell its recorded events), `compare` (recorded against
replayed commands), `source` (which line issued a command), `divergence` (what is
said about a difference, and its likely cause), `parallel` (over processes).
"""
