"""Reads agent programs and reports what their replays could not repeat, before they run.

    check_targets(["app.py"])      agentmesh.linting.checking: findings, one per place

Nothing of what is read is executed or imported. Only code that a handler, subscriber or workflow
reaches is judged, so that a program without agents has no findings.

How it works: `source` reads files, `program` says which functions, classes and names there are,
`loading` finds the files, `names` says what an expression refers to, `reach` which functions run
inside a handler. Each group of rules is a module: `shared_state` (AM1), `order` (AM2, over the
data flow of `flow`), `waiting` (AM3), `captured` (AM4), `outside` (AM5). `checking` asks them all.

It errs on the side of silence: what it can't resolve is taken to be harmless, and what agentmesh
answers at run time (clocks, random numbers, tasks in sets) is not reported at all.

This package knows the names of agentmesh's decorators and verbs, and imports nothing of them.
"""
