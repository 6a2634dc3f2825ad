"""The other end of a debug adapter: as much of an IDE as a test needs."""

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

SECONDS = 60.0

Message = dict[str, Any]


class Ide:
    """A client of the debug adapter protocol.

    Args:
        port: Where the adapter listens.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._stream = self._socket.makefile("rb")
        self._sent = 0
        self.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True)
        self.send("attach", justMyCode=False)
        self.event("initialized")

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()

    def send(self, request: str, **arguments: Any) -> int:
        """Send a request; return its number."""
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": request}
        body = json.dumps({**message, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._sent

    def ask(self, request: str, **arguments: Any) -> Message:
        """Send a request; return what is answered."""
        number = self.send(request, **arguments)
        answer = self._until(
            lambda each: each["type"] == "response" and each["request_seq"] == number
        )
        assert answer["success"], answer
        return dict(answer.get("body") or {})

    def event(self, name: str) -> Message:
        """Wait for an event."""
        return self._until(lambda each: each["type"] == "event" and each["event"] == name)

    def set_breakpoints(self, file: Path, lines: Sequence[int]) -> None:
        """Set a file's breakpoints."""
        breakpoints = [{"line": each} for each in lines]
        self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=breakpoints)

    def begin(self) -> None:
        """Say that all is set."""
        self.ask("configurationDone")

    def stopped(self) -> int:
        """Wait until a thread stops; return which."""
        return int(self.event("stopped")["body"]["threadId"])

    def stack(self, thread: int) -> list[Message]:
        """Return a stopped thread's frames, the innermost first."""
        return list(self.ask("stackTrace", threadId=thread)["stackFrames"])

    def go_on(self, thread: int) -> None:
        """Let a thread run."""
        self.send("continue", threadId=thread)

    def _until(self, wanted: Callable[[Message], bool]) -> Message:
        while not wanted(message := self._read()):
            pass
        return message

    def _read(self) -> Message:
        length = 0
        while header := self._stream.readline().strip():
            length = int(header.split(b":")[1])
        assert length, "the adapter has hung up"
        return dict(json.loads(self._stream.read(length)))


@contextmanager
def attached(process: "subprocess.Popen[str]") -> Iterator[Ide]:
    """Attach to a command that says where it waits."""
    assert process.stderr is not None
    for text in process.stderr:
        found = re.search(r"client on 127\.0\.0\.1:(\d+)", text)
        if found:
            with closing(Ide(int(found[1]))) as ide:
                yield ide
            return
    message = "it has ended without listening"
    raise AssertionError(message)
