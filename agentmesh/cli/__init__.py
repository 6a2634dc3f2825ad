"""The `agentmesh` command: every way to use agentmesh from a shell.

The map: `app` (commands and their options), one module per command (`run_command`,
`runs_command`, `show_command`, `log_command`, `replay_command`, `models_command`,
`doctor_command`, `demo_command`), what they share (`terminal`, `wording`,
`failures`, `target`, `hash_seed`, `exit_codes`), what they compute apart from how it
looks (`facts`, `turns`, `lines`, `checks`), and the demo's own program
(`support_desk`, with its simulated model in `desk_model`).

Nothing here decides anything about runs: it asks `mesh`, and shows what it says.
Standard output carries the answer, standard error everything said beside it.
"""
