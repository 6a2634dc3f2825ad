"""A process with a hash seed of its own that replays cells.

In: frames of a length and a message pack: a setting and one cell's events. Out: frames
with all that the cell issued, as bytes.
"""

import sys

import msgspec

from agentmesh import ambient
from agentmesh.kernel.commands import AnyCommand
from agentmesh.kernel.events import AnyEvent
from tests.kernel.world import Setting, replay


class Request(msgspec.Struct):
    """What to replay."""

    setting: Setting
    events: list[AnyEvent]


def pack(issued: list[list[AnyCommand]]) -> bytes:
    """Return commands as bytes; tracebacks are for people and not compared."""
    return msgspec.msgpack.encode([[_plain(command) for command in step] for step in issued])


def _plain(command: AnyCommand) -> AnyCommand:
    if getattr(command, "note", ""):
        return msgspec.structs.replace(command, note="")
    envelope = getattr(command, "envelope", None)
    if envelope is not None and envelope.note:
        plain = msgspec.structs.replace(envelope, note="")
        return msgspec.structs.replace(command, envelope=plain)
    return command


def main() -> None:
    """Answer until the input ends."""
    ambient.install()
    decoder = msgspec.msgpack.Decoder(Request)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while length := source.read(4):
        request = decoder.decode(source.read(int.from_bytes(length, "little")))
        data = pack(replay(request.setting, request.events))  # type: ignore[arg-type]
        sink.write(len(data).to_bytes(4, "little") + data)
        sink.flush()


if __name__ == "__main__":
    main()
