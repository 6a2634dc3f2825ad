"""What agents do to the world: tools, any function, HTTP, models. Each is recorded, then replayed.

An effect is data (kind, name, canonical redacted request) and a *performer*, which the
live driver awaits on the host's own asyncio loop, outside the handler. A replay has
the data and never calls the performer. The map, from the bottom:

- `recorded`: where a handler issues an effect; requests in canonical form.
- `threads`, `limits`, `attempts`, `failures`: blocking functions, timeouts, retries, errors that
  say what failed.
- `tool_scope`, `tool_signature`, `tools`: `@tool`. `call`: `effect(fn, ...)`.
- `settings`, `keys`, `endpoints`: which model, where, and whose key; keys stay outside
  of handlers.
- `http_record`, `http_perform`, `transport`: HTTP of unmodified SDKs.
- `clients`: `openai()` and `http_client()` on that transport.
- `conversation`, `structured`, `model_loop`: `llm()`, the tool loop, on that client.

Nothing here knows a driver. openai, httpx2 and stamina are imported when first used.
"""
