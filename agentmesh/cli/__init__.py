"""The `agentmesh` command: every way to use agentmesh from a shell.

The map: `app` (which commands there are), `commands` (their options), one module per
command (`run_command`, `runs_command`, `show_command`, ...), what they share (`terminal`,
`wording`, `failures`, `exit_codes`, `hash_seed`, `target`, `endpoint`, `completion`), what
they compute apart from how it looks (`facts`, `turns`, `lines`, `exchanges`, `checks`), and
the demo: its program (`support_desk`), what its simulated model says (`desk_model.toml`),
its looks (`demo_page`).

Nothing here decides anything about runs: it asks `mesh`, and shows what it says.
Standard output carries the answer, standard error everything said beside it.
"""
