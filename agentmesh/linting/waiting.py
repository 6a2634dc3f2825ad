"""Rules AM3: waiting that blocks. A handler's thread is the thread of every agent of its host."""

import ast
from collections.abc import Iterator

from agentmesh.linting import calls
from agentmesh.linting.calls import Calls, Site
from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.names import Names
from agentmesh.linting.reach import Reached

SLEEP = Rule(
    id="AM301",
    name="blocking-sleep",
    why="It stops every agent of the host while a handler's time stands still, and is refused "
    "at run time.",
    fix="Wait without blocking: `await am.sleep(0.5)`, or `await asyncio.sleep(0.5)`.",
    bad="@am.handler\nasync def retry(self, job: Job) -> None:\n    time.sleep(0.5)",
    good='@am.handler\nasync def retry(self, job: Job) -> None:\n    await am.sleep("500ms")',
)
WAIT = Rule(
    id="AM302",
    name="blocking-wait",
    why="It waits for another thread or process, which stops every agent of the host; a replay "
    "has no such thread, and waits for ever.",
    fix="Await an asynchronous version (asyncio.Event, asyncio.Queue), or wait in an @am.tool.",
    bad="@am.handler\nasync def count(self, job: Job) -> int:\n    return POOL.submit(f).result()",
    good="@am.tool\ndef count_words(text: str) -> int: ...\n\n@am.handler\n"
    "async def count(self, job: Job) -> int:\n    return await count_words(job.text)",
)
RULES = (SLEEP, WAIT)

_QUEUES = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")


def _is_done(node: ast.Call, site: Site) -> bool:
    """Tell whether a future was not made here, or is asked here whether it is done."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("result", "exception"):
        return False
    function = site.here.function
    makers = site.names.makers(node.func.value, function, function.module)
    if not any(isinstance(each, ast.Call) for each in makers):
        return True
    future = ast.dump(node.func.value)
    return any(
        isinstance(each, ast.Attribute)
        and each.attr in ("done", "cancelled")
        and ast.dump(each.value) == future
        for each in function.nodes
    )


TABLES = (
    Calls(SLEEP, exact=("time.sleep",)),
    Calls(
        WAIT,
        exact=(
            "threading.Thread.join",
            "threading.Timer.join",
            "threading.Event.wait",
            "threading.Condition.wait",
            "threading.Condition.wait_for",
            "threading.Barrier.wait",
            "threading.Semaphore.acquire",
            "threading.BoundedSemaphore.acquire",
            *(f"queue.{kind}.{verb}" for kind in _QUEUES for verb in ("get", "put", "join")),
            *(f"multiprocessing.{kind}.{verb}" for kind in _QUEUES for verb in ("get", "put")),
            "multiprocessing.Process.join",
            "multiprocessing.Pool.join",
            "concurrent.futures.Future.result",
            "concurrent.futures.Future.exception",
            "concurrent.futures.wait",
            "concurrent.futures.as_completed",
            "subprocess.Popen.wait",
            "subprocess.Popen.communicate",
            "select.select",
            "select.poll.poll",
            "select.epoll.poll",
            "signal.pause",
            "signal.sigwait",
            "os.wait",
            "os.waitpid",
            "ray.get",
            "ray.wait",
        ),
        spared=_is_done,
    ),
)
_VERBS = {SLEEP.id: "blocks the thread of every agent", WAIT.id: "blocks until others have acted"}


def check(names: Names, here: Reached) -> Iterator[Finding]:
    """Report blocking waits of one function."""
    return calls.check(TABLES, names, here, verbs=_VERBS)
