"""Scripts as users write them, run as users run them: in a process of their own."""

import os
import select
import subprocess
import sys
from pathlib import Path

import psutil

SECONDS = 90.0
"""Longest that a script may take: it starts a Ray of its own."""

DESK = '''
"""A script with its agents in it."""
import pathlib
import sys

import agentmesh as am

print("imported as", __name__, flush=True)


class Ticket(am.Message):
    text: str


@am.tool
async def say_ready() -> None:
    pathlib.Path(__file__).with_name("ready").write_text("ready")


@am.agent
class Clerk:
    seen: int = 0

    @am.handler
    async def answer(self, ticket: Ticket) -> Ticket:
        self.seen += 1
        if ticket.text == "wait":
            await say_ready()
            await am.sleep(3600)
        if ticket.text == "fail":
            raise ValueError("nobody knows")
        return Ticket(text=f"{self.seen}: {ticket.text}")


@am.agent
async def shout(ticket: Ticket) -> Ticket:
    return Ticket(text=ticket.text.upper())


@am.workflow
async def desk(ticket: Ticket) -> Ticket:
    return await am.ref(shout)(await am.ref(Clerk).answer(ticket))


if __name__ == "__main__":
    print(am.run(desk, Ticket(text=sys.argv[1]), run_id="desk", num_cpus=2).text)
'''


class Script:
    """The script in a process of its own, as one types `python desk.py`.

    Args:
        folder: Where it is written and started.
        arguments: What the agents are given.
        environment: Variables besides those of this process.
    """

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        script = folder / "desk.py"
        script.write_text(DESK, encoding="utf-8")
        os.mkfifo(folder / "ready")
        self._ready = os.open(folder / "ready", os.O_RDONLY | os.O_NONBLOCK)
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Wait until an agent says that it waits."""
        assert select.select([self._ready], [], [], SECONDS)[0], "nobody got ready"

    def finish(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code, the output and the errors."""
        output, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, output, errors

    def close(self) -> None:
        """End it with all its children, if it has not ended."""
        os.close(self._ready)
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.kill()
            self.process.communicate()
