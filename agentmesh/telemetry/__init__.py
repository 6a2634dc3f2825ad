"""Telemetry: runs as spans, metrics and files for tools that operators already have.

Everything here is *derived* from the journal, by a reader of its files: a run is as fast with
telemetry as without it, nothing is dropped, and exporting twice changes nothing, because all
ids follow from the journal. This is the only package that imports opentelemetry, and it
imports no SDK of it: spans are written as OTLP's own messages.

The map:

- `conventions`: all names of spans, attributes and metrics, with their version.
- `ids`: ids of traces and spans, from what the journal says.
- `bars`: what happened in an agent, as intervals: turns, sends, effects.
- `models`: what a recorded HTTP request asked a model, and what it said.
- `spans`: bars as spans (`span`). `otlp`: spans and metrics as bytes.
- `sending`: bytes to an endpoint. `settings`: what the standard variables say of it.
- `following`: the steps of a run while it is written. `cursor`: how far somebody has got.
- `exporting`: all of that together. `beside`: the same in a process beside a run.
- `nesting`: users' own spans under the turns and effects that make them.
- `metrics`, `instruments`: counts and distributions. `trace_events`, `perfetto`, `columns`: files.
- `logs`: structlog lines with the ids of where they were written.
"""
