"""The journal: what happened in a run, written ahead, kept for good, read by anybody.

Knows the kernel's two alphabets and files; knows no Ray, no handler and no model.
Opening somebody else's run executes nothing: data in, data out.

The map, from the bytes upwards:

- `records`: what is in a journal: events and command records, with the version.
- `strings`: strings and bytes that are no valid UTF-8, without loss.
- `redaction`: secrets become stable placeholders before anything is hashed or written.
- `fields`: values of JSON fields with certain names, hidden at any depth.
- `blobs`: large payloads, content-addressed.
- `encoding`: the exact bytes of a record; what a replay compares.
- `framing`: the byte layout of a log file: header, frames, checksums.
- `log`: the writer, one per host: group commit, one write a tick.
- `reading`: the reader: torn tails, damage, versions.
- `files`: the few file operations a store needs, on a disk or on any pyarrow filesystem.
- `places`: the names in a run's directory.
- `run_info`, `code_version`: what is known about a run besides its events (`run.json`).
- `store`: a place with runs: create, open, list.
- `directory`: one run as its drivers write it.
- `sources`: where a run's steps are read from: logs, merged when an agent moved.
- `table`: a run as typed columns.
- `payloads`: payloads in Parquet files, each stored once.
- `bombs`: how much text a column stands for, before it is read.
- `sealing`: a finished run as one Parquet file, without loss.
- `sealed_writer`: writes such files.
- `segments`, `segment_writer`: closed logs of a run that goes on, as Parquet, record by record.
- `compaction`: which logs become such files when, and which files become one.
- `parts`: all files that a run's events are in, read as one.
- `packing`: a run as one file, `run.mesh`, which is read where it lies.
- `rewriting`: a run's records with more redacted than when they were written.
- `sharing`: runs that leave their store and come into another.
- `query`: SQL over that table.
- `run`: one run as its readers see it: steps, entries, table, SQL.
"""
