"""The deterministic heart: `commands = cell.handle(event)`, without I/O, clock or Ray.

The map: `events` and `commands` (the two closed alphabets), `envelope` (what travels),
`cell` (one agent instance: mailbox and turns), on top of `exchange` (asks, effects and
timers under way), `scope` (whose code runs) and `outbox` (what one event causes); `loop`,
`tasks`, `agens` and `refusing` (the event loop that handlers run on); `turn`, `leftovers` and
`endings` (a message's work from start to end), `pending` (one answer that has not come
yet), `waiting` (the mailbox), `monitoring` (who is told of the agent's end), `supervision`
and `supervised` (what becomes of an agent that fails), `snapshot` (a cell at rest as data),
`lifecycle`, `identity`, `prng`, and `behavior` (what it must know of user code).
"""
