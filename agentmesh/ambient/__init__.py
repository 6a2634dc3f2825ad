"""What the standard library answers inside a handler, and what is refused there.

Inside a handler means: while an agent's deterministic loop runs in this thread. Clocks
read logical time, random sources draw from the turn's generator, and what a
replay could not repeat raises `EscapeError`. All other threads, and this one between
two turns, see the real thing.

    ambient.install()      once in a process that runs cells; idempotent
    ambient.outside()      a stretch inside a handler that sees the real world
    ambient.inside()       whether this is inside
    ambient.uninstall()    for tests

This package knows an agent's loop only by what it must answer (`guest.Guest`); it must not know
cells, journals or drivers.

What is covered: `guest` (who is inside), `clocks`, `randomness`, `identifiers`, `ordering`,
`imports` (whose code runs outside), `workers` (whose threads are spared), `escapes`, `frames`
(what may be read nevertheless), `refusal` (what the error says). `standin` and `references` are
how functions are replaced.

What can't be caught
--------------------

A replay reports these as a divergence, if they make a difference:

- Facts of the process and machine: `os.environ`, `os.getpid`, `os.getcwd`, `os.stat` and
  `os.path.exists`, `os.cpu_count`, `os.times`, `platform`, `socket.gethostname`, `psutil`, the time
  zone and locale (naive `datetime.now()`, `time.localtime()`), `id()`, `hash()` of strings, `gc`.
- What was opened outside and is used inside: a file, an established socket, a database
  connection, a queue to a running thread, `signal.alarm`.
- Waiting that blocks: `threading.Event.wait`, `Lock.acquire`, `select.select`,
  `concurrent.futures.Future.result`. The turn stands still in real time.
- Compiled code that asks the operating system itself: `numpy.random`'s global functions
  (`numpy.random.default_rng()` without a seed asks `secrets`, and is covered),
  `numpy.datetime64('now')`, SQL functions such as `random()` in an SQLite database in memory,
  clocks and generators of Rust extensions other than `uuid_utils`, foreign functions called by
  `ctypes`.
- References copied before `install` to clocks other than the wall clock, and to
  `random.random`, `os.urandom` and the like, in tuples, sets, `__slots__` or C objects (see
  `references`): a compiled pydantic `default_factory=time.monotonic`, say.
- State that belongs to the process: a module global, `functools.cache` filled by the first who
  asks, a `random.Random(7)` kept in a module.
- A signal handler that runs in a handler's thread: its readings move the turn's clock.
"""

from agentmesh.ambient.guest import inside, outside
from agentmesh.ambient.installation import also, install, installed, uninstall

__all__ = ["also", "inside", "install", "installed", "outside", "uninstall"]
