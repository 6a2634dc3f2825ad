"""Re-executing recorded runs, without Ray, network or key, and saying what differs.

The map: `driver` (feed every cell its recorded events), `feeding` (one event), `parallel`
(over processes), `travel` (stand at any step) from kept (`resting`) or `recorded` rests, `view`
(what is seen there: `stacks`, `values`, `changes`), `watching` (after which events an
`expressions` holds), `resync` (go on after a divergence).

Of a divergence: `explaining` puts the report together of `compare` and `text_diff` (both
sides), `source` (which line, which functions ran), `code_changes` (which of them are other
ones), `nearest` (what was recorded instead), `causes` (what that says); `divergence` shows it.
"""
