"""What if: branches of recorded runs, in which one thing is different.

`edit` names what can be changed, `edits` finds what that is in a record, `record` is the parent
as a branch needs it. `engine` carries the change on: `reaching` knows which agents it comes near,
`carrying` what is on its way, `living` gives events to agents that run. `answers` says what effects
come to that the parent has no answer for, and `report` what was reused and what was not.

Nothing here writes to the parent, and nothing knows the front door above it.
"""
