"""A run as a partial order: what must hold of its record, and whether it does.

The map: `findings` (what a check says), `cells` (checks of one agent's steps), `traffic`
(checks of what passes between agents), `cycles` (nothing comes before what caused it),
`audit` (all of them in one pass over a run).

Knows the journal and the kernel's alphabets; never runs a program.
"""
