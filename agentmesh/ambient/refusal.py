"""What a refused escape says: what was tried, where, why not, and what to write instead.

The text is part of the run (a handler's error is recorded and compared by a
replay), so it names modules and lines, and no folder of this machine.
"""

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import NoReturn

from agentmesh.ambient import frames
from agentmesh.ambient.guest import current, outside
from agentmesh.errors import EscapeError

ARGUMENT_CHARS_MAX = 80
"""How much of one argument a message shows."""


@dataclass(frozen=True, slots=True)
class Escape:
    """A family of things that a handler may not do.

    Args:
        name: What to call it: "a file".
        why: Why a replay could not repeat it, as a sentence.
        fix: What to do instead, as a sentence, and an example.
    """

    name: str
    why: str
    fix: str


def _in_a_tool(example: str, otherwise: str = "or wrap the call once: am.effect(fn, ...).") -> str:
    lines = "\n".join(f"    {line}" for line in example.splitlines())
    return f"Move it into a tool, whose result is recorded, {otherwise} For example:\n{lines}"


FILE = Escape(
    name="a file",
    why="A replay could not repeat it: by then the file may hold something else.",
    fix=_in_a_tool(
        "@am.tool\ndef read_notes(path: str) -> str: return Path(path).read_text()\n"
        "notes = await read_notes('notes.txt')  # in the handler"
    ),
)
FOLDER = Escape(
    name="the file system",
    why="A replay could not repeat it: the file system will be in another state.",
    fix=_in_a_tool(
        "@am.tool\ndef clean(folder: str) -> None: shutil.rmtree(folder)\n"
        "await clean('scratch')  # in the handler"
    ),
)
SOCKET = Escape(
    name="the network",
    why="A replay could not repeat it: it runs without network, and the answer is not recorded.",
    fix=_in_a_tool(
        "@am.tool(timeout=20, retries=2)\nasync def fetch(url: str) -> str: ...\n"
        "page = await fetch('https://example.org')  # in the handler",
        "or give the library a client that records: am.http_client(), or am.openai().",
    ),
)
SUBPROCESS = Escape(
    name="another process",
    why="A replay could not repeat it: what the process did and printed is not recorded.",
    fix=_in_a_tool(
        "@am.tool(timeout=60)\ndef lint(path: str) -> str: return subprocess.check_output(...)\n"
        "report = await lint('src')  # in the handler"
    ),
)
THREAD = Escape(
    name="a thread",
    why="A replay could not repeat it: nothing records when the thread runs and what it answers.",
    fix="Await the function's asynchronous version, or move it into a tool (sync tools run in "
    "threads); if it can't be changed, declare the handler as one effect. For example:\n"
    "    answer = await graph.ainvoke(question)  # not graph.invoke(question)\n"
    "    @am.tool\n    def count(text: str) -> int: ...  # runs in a thread, and is recorded\n"
    "    @am.handler(opaque=True)  # the whole handler becomes one recorded effect",
)
LOOP = Escape(
    name="another event loop",
    why="A replay could not repeat it: nothing records when the other loop runs what.",
    fix="A handler runs on a loop already: await the coroutine. If a library insists on a loop of "
    "its own, give it a thread by calling it in a tool. For example:\n"
    "    answer = await ask(question)  # not asyncio.new_event_loop().run_until_complete(...)\n"
    "    @am.tool\n    def ask_in_thread(question: str) -> str: return asyncio.run(ask(question))",
)
DATABASE = Escape(
    name="a database",
    why="A replay could not repeat it: the database will hold something else.",
    fix=_in_a_tool(
        "@am.tool\ndef stock(item: str) -> int: ...  # connects, asks, closes\n"
        "left = await stock('lamp')  # in the handler"
    ),
)
INPUT = Escape(
    name="the keyboard",
    why="A replay could not repeat it: nobody is there to type, and the answer is not recorded.",
    fix="Ask with am.human(), whose answer is recorded, or read it in a tool. For example:\n"
    "    answer = await am.human('Publish?')",
)
LIBRARY = Escape(
    name="a foreign library",
    why="A replay could not vouch for it: what foreign code asks of the system is not recorded.",
    fix=_in_a_tool(
        "@am.tool\ndef measure(data: bytes) -> float: return CDLL('libm.so.6').cos(0)\n"
        "value = await measure(data)  # in the handler",
        "or load the library when the module is imported.",
    ),
)
SLEEP = Escape(
    name="the clock",
    why="It would stop every agent of this host, and a handler's time does not pass meanwhile.",
    fix="Wait without blocking, which also replays in no time. For example:\n"
    "    await asyncio.sleep(0.5)  # or am.sleep(0.5)",
)


def refuse(escape: Escape, call: str) -> NoReturn:
    """Raise the error that teaches.

    Args:
        escape: What was reached for.
        call: The call as one would write it, with its arguments.

    Raises:
        EscapeError: Always.
    """
    frame = sys._getframe(1)
    line = frames.program_line(frame)
    asker = frames.asker(frame)
    where = frames.place(line or asker)
    through = "" if line in (None, asker) else f", through {frames.module_of(asker)}"
    what = f"{call} was refused inside a handler, at {where}{through}."
    note = getattr(current(), "escape", None)
    if note is not None:
        with outside():
            note(what)
    raise EscapeError(what, cause=escape.why, fix=escape.fix, call=call, where=where)


def shown(value: object) -> str:
    """Show one argument of a refused call: short, and without running code of its class."""
    if isinstance(value, str | bytes | int | float | bool | None):
        text = repr(value)
    elif isinstance(value, list | tuple):
        inner = ", ".join(shown(each) for each in value[:4])
        text = f"[{inner}]" if isinstance(value, list) else f"({inner})"
    elif isinstance(value, PurePath):
        text = repr(str(value))
    else:
        text = getattr(value, "__qualname__", None) or f"<{type(value).__name__}>"
    if len(text) > ARGUMENT_CHARS_MAX:
        text = text[: ARGUMENT_CHARS_MAX - 1] + "…"
    return text
