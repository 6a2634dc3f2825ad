"""For each rule programs that break it, each beside the same program repaired."""

HEAD = """
import asyncio, datetime, functools, glob, itertools, os, queue, random, requests, socket
import sqlite3, subprocess, sys, threading, time, uuid, zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
import agentmesh as am
from agentmesh import handler as on

class Job(am.Message):
    name: str
    tags: set[str] = set()

@am.tool
def look(name: str) -> str:
    return open(name).read() + os.environ["HOME"]
"""


def agent(body: str, *, before: str = "", state: str = "") -> str:
    """Return a program with one agent, whose handler has these lines."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    fields = "".join(f"    {line}\n" for line in state.splitlines())
    head = f"{HEAD}\n{before}\n\n@am.agent\nclass Desk:\n    count: int = 0\n{fields}"
    return f"{head}    @on\n    async def take(self, job: Job):\n{lines}\n"


CASES: dict[str, list[tuple[str, str]]] = {
    "AM101": [
        (agent("global N\nN += 1", before="N = 0"), agent("self.count += 1")),
        (agent("SEEN.append(job.name)", before="SEEN = []"), agent("SEEN = []\nSEEN.append(1)")),
        (agent("SEEN[job.name] = 1", before="SEEN = {}"), agent("return SEEN", before="SEEN = {}")),
        (agent("return next(IDS)", before="IDS = itertools.count()"), agent("return am.uuid()")),
        (
            agent("if job.name not in C:\n    C[job.name] = await look(job.name)", before="C = {}"),
            agent("if job.name not in C:\n    C[job.name] = len(job.name)", before="C = {}"),
        ),
        (
            agent("n = C.get(1)\nif n == 2:\n    C[1] = 3", before="C = {}"),
            agent("n = C.get(1)\nif n is None:\n    n = 2\n    C[1] = n", before="C = {}"),
        ),
        (
            agent("return f()", before="C = None\ndef f():\n    global C\n    C = 1"),
            agent(
                "return f()",
                before="C = None\ndef f():\n    global C\n    n = C\n    if n is not None:\n"
                "        return n\n    with L:\n        C = 1\n    return C",
            ),
        ),
    ],
    "AM102": [
        (
            agent("return N", before="N = 0\ndef configure(n):\n    global N\n    N = n"),
            agent("return N", before="N = 0\ndef more(n):\n    return n + N"),
        ),
        (
            agent("return N", before="N = 0\nif __name__ == '__main__':\n    N = 2"),
            agent("return T", before="T = {}\ndef add(f):\n    T[1] = f\n    return f"),
        ),
    ],
    "AM103": [
        (agent("Desk.count = 1"), agent("self.count = 1")),
        (agent("type(self).count += 1"), agent("self.count += 1")),
        (
            agent("self.seen.append(1)", state="seen = []"),
            agent("self.seen.append(1)", state="seen: list[int] = []"),
        ),
    ],
    "AM104": [
        (
            agent("return add(1)", before="def add(x, to=[]):\n    to.append(x)\n    return to"),
            agent("return add(1)", before="def add(x, to=[]):\n    to = [*to, x]\n    return to"),
        )
    ],
    "AM105": [
        (
            (
                f"{HEAD}\ndef make():\n    n = 0\n    @am.agent\n"
                "    async def a(job: Job) -> int:\n"
                "        nonlocal n\n        n += 1\n        return n\n    return a\n"
            ),
            agent("n = 0\ndef more():\n    nonlocal n\n    n += 1\nmore()\nreturn n"),
        )
    ],
    "AM201": [
        (
            agent("for t in job.tags:\n    am.tell(am.ref(Desk, t).take, job)"),
            agent("for t in sorted(job.tags):\n    am.tell(am.ref(Desk, t).take, job)"),
        ),
        (agent("return list({job.name, 'b'})"), agent("return len({job.name, 'b'})")),
        (agent("s = set(job.name)\nreturn ','.join(s)"), agent("return job.name in set('ab')")),
        (
            agent("out = []\nfor t in job.tags:\n    out.append(t)\nreturn out"),
            agent("out = []\nfor t in job.tags:\n    out.append(t)\nout.sort()\nreturn out"),
        ),
        (
            agent("return await asyncio.gather(*[look(t) for t in job.tags])"),
            agent("t = {asyncio.create_task(look('a'))}\nfor x in t:\n    await x"),
        ),
        (
            agent("return names(job)", before="def names(job: Job):\n    return list(job.tags)"),
            agent("return names(job)", before="def names(job: Job):\n    return sorted(job.tags)"),
        ),
        (
            agent("d = {t: 1 for t in job.tags}\nreturn list(d.items())"),
            agent("d = {t: 1 for t in job.tags}\nreturn d[job.name]"),
        ),
        (agent("self.names = list(job.tags)"), agent("for n in {1, 2, 3}:\n    am.log('n', n=n)")),
        (agent("am.log('tags', tags=job.tags)"), agent("am.log('n', n=max(job.tags))")),
        (
            agent("return next(iter(job.tags))"),
            agent("s = job.tags\nreturn next(iter(s)) if len(s) == 1 else ''"),
        ),
        (
            agent("return f(list(job.tags))", before="def f(tags):\n    return tags"),
            agent("return await look(f(job.tags))", before="def f(tags):\n    return 'a' in tags"),
        ),
    ],
    "AM202": [(agent("return glob.glob('*')"), agent("return sorted(glob.glob('*'))"))],
    "AM203": [(agent("return id(job)"), agent("return id(job) == id(self)"))],
    "AM204": [
        (agent("return hash(job.name) % 8"), agent("return zlib.crc32(job.name.encode()) % 8"))
    ],
    "AM301": [(agent("time.sleep(1)"), agent("await asyncio.sleep(1)"))],
    "AM302": [
        (agent("Q.get()", before="Q = queue.Queue()"), agent("await asyncio.Queue().get()")),
        (
            agent("return P.submit(f).result()", before="P = ThreadPoolExecutor()"),
            agent("t = asyncio.create_task(look('a'))\nif t.done():\n    return t.result()"),
        ),
    ],
    "AM401": [
        (agent("return C[0]()", before="C = (time.monotonic,)"), agent("return time.monotonic()")),
        (
            agent("return C[0]()", before="C = (time.perf_counter_ns,)"),
            agent("return now()", before="now = time.time"),
        ),
    ],
    "AM402": [
        (
            agent("return R.random()", before="R = random.Random(7)"),
            agent("return random.Random(7).random() + am.random().random() + random.random()"),
        ),
        (agent("return np.random.rand()"), agent("return np.random.default_rng(7).random()")),
    ],
    "AM403": [
        (agent("return T", before="T = time.time()"), agent("return time.time()")),
        (agent("return T", before="T = datetime.datetime.now()"), agent("T = 1\nreturn T")),
        (
            agent("return f()", before="def f(t=time.time()):\n    return t"),
            agent("return f()", before="def f(t=time.time):\n    return t()"),
        ),
        (agent("return M", before="M = os.environ['M']"), agent("return 1", before="M = uuid")),
    ],
    "AM501": [
        (agent("return open(job.name).read()"), agent("return await look(job.name)")),
        (
            agent("p = Path(job.name) / 'x'\nreturn p.read_text()"),
            agent("return (Path(job.name) / 'x').name"),
        ),
        (agent("return helper()", before="def helper():\n    return os.listdir('.')"), agent("0")),
    ],
    "AM502": [
        (agent("return requests.get(job.name).text"), agent("return await am.effect(look, 'a')")),
        (
            agent(
                "return await C.responses.create()",
                before="import openai\nC = openai.AsyncOpenAI()",
            ),
            agent(
                "return await C.responses.create()",
                before="import openai\nC = openai.AsyncOpenAI(http_client=am.http_client())",
            ),
        ),
        (agent("s = socket.socket()"), agent("return await am.openai().responses.create()")),
    ],
    "AM503": [(agent("subprocess.run(['ls'])"), agent("print('ls')"))],
    "AM504": [
        (
            agent("threading.Thread(target=print).start()"),
            agent("await asyncio.create_task(asyncio.sleep(0))"),
        )
    ],
    "AM505": [
        (agent("asyncio.run(f())"), agent("await asyncio.sleep(0)")),
        (
            agent("asyncio.new_event_loop()"),
            agent("try:\n    pass\nexcept RuntimeError:\n    asyncio.new_event_loop()"),
        ),
    ],
    "AM506": [(agent("return input()"), agent("input = len\nreturn input(job.name)"))],
    "AM507": [(agent("sqlite3.connect('a.db')"), agent("sqlite3.connect(':memory:')"))],
    "AM508": [
        (agent("return os.environ['A']"), agent("return job.name")),
        (agent("return os.getpid()"), agent("return await look('a')")),
    ],
}
