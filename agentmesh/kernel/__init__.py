"""The deterministic heart: `commands = cell.handle(event)`, without I/O, clock or Ray.

The map: `events` and `commands` (the two closed alphabets), `envelope` (what travels),
`cell` (one agent instance: mailbox and turns), on top of `exchange` (asks, effects and
timers under way), `scope` (whose code runs) and `outbox` (what one event causes); `loop`,
`tasks`, `agens` and `refusing` (the event loop that handlers run on); `turn`, `leftovers` and
`endings` (a message's work from start to end), `pending` (one answer that has not come
yet), `lifecycle`, `identity`, `prng`, and `behavior` (what it must know of user code).
"""
