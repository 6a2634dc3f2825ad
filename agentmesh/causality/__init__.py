"""A run as a partial order: what caused what, how two runs part, and what must hold of a record.

The map. What caused what: `index` (one pass over a run), `order` (all events in one line),
`graph` (pasts, futures, cuts), `references` (how people name events). What is asked of it: `trees`
(why, and what came of it), `waits` (who waited for whom), `search` with `json_path`, all in the
words of `summaries`. Two runs: `identity` (what an event is, whichever run it is in), `alignment`
(where agents part), `figures`. Whether a record keeps its promises: `findings` (what a check
says), `cells` (checks of one agent's steps), `traffic` (checks of what passes between agents),
`cycles` (nothing comes before what caused it), `audit` (all of them in one pass over a run).

Knows the journal and the kernel's alphabets; never runs a program.
"""
