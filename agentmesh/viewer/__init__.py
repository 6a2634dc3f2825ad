"""The trace viewer: a recorded run in the browser.

A server on this machine, and pages without a build step. The server reads runs and answers
questions about them; the browser draws. Opening a run executes nothing: only what asks for the
state of agents, or for a branch, runs the program, in a process of its own.

The map:

- `server`: the server as a thing that is started and stopped; `app`: its routes.
- `guard`: who may ask at all, and the headers of every answer.
- `answers`: JSON that browsers read, and errors as JSON.
- `tables`: typed columns, and how they travel.
- `building`, `agents`, `ordering`: a run's records into columns, once, and then what is new.
- `cache`: columns of finished runs, kept for the next time.
- `opened`, `desk`: the runs that are open, and who reads them.
- `catalogue`: the list of runs, with figures.
- `events`, `conversation`, `source_lines`, `payloads`: all about one event.
- `causes`: what came from what, who waited, the critical path, searches.
- `program`, `program_worker`: what runs the program: states, questions over states, branches.
- `comparing`: two runs side by side. `findings`: what others have found out about a run.
"""
