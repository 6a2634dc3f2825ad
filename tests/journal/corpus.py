"""One run in each form that a run's files have: what fuzzing starts from."""

import shutil
import time
from pathlib import Path

from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.files import LocalFiles
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.lease import Lease
from agentmesh.journal.lineage import Fence, Life
from agentmesh.journal.places import DRIVER, EVENTS, SNAPSHOTS
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import DONE, EntryPoint, RunInfo
from agentmesh.journal.segment_writer import seal_logs
from agentmesh.journal.sharing import export
from agentmesh.journal.snapshots import CellImage, FlightImage, Image, write_snapshot
from agentmesh.journal.sources import LogSource
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import (
    AnyCommand,
    CancelEffect,
    CancelTimer,
    FinishTurn,
    Log,
    Send,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import ASK, CLIENT, FAIL, REPLY, TELL, Envelope
from agentmesh.kernel.events import (
    AnyEvent,
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
    TimerFired,
)
from agentmesh.kernel.snapshot import CellSnapshot
from tests.journal.helpers import PLAIN

OPEN, CLOSED, PACKED = "open", "closed", "run.mesh"
"""A run that goes on, in logs; one that was sealed; one that was exported."""

_LARGE = b'{"text":"%s"}' % (b"large " * 12_000)
_ERROR = b'{"type":"builtins.ValueError","what":"no such order"}'

History = list[tuple[AnyEvent, list[AnyCommand]]]


def build(folder: Path) -> None:
    """Make the files: `open/` and `closed/` are runs' directories, `run.mesh` a packed one."""
    store = Store(folder)
    going = store.create_run(_info(OPEN, "running"))
    _write_open(going)
    with Lease(going):  # gives the file back at its end
        lease = (folder / OPEN / DRIVER).read_bytes()
    (folder / OPEN / DRIVER).write_bytes(lease)
    ended = store.create_run(_info(CLOSED, DONE))
    _write(ended, "one", {"A/1": _history("A/1"), "B/1": _history("B/1")})
    with Run(ended.files, ended.path, ended.info) as run:
        run.seal()
    with Run(ended.files, ended.path, ended.info) as run:
        export(run, folder / PACKED, PLAIN)


def mutable(folder: Path) -> list[Path]:
    """Return the files of the corpus, relative to its folder."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path.parts[0] in (OPEN, CLOSED, PACKED))


def _info(run_id: str, status: str) -> RunInfo:
    return RunInfo(
        id=run_id,
        workflow="main",
        entry=EntryPoint(module="__main__", file="/somewhere/app.py", qualname="main"),
        input={"text": "hello", "n": [1, 2.5, None]},
        status=status,  # type: ignore[arg-type]  # one of its words
        result={"answer": 42},
        created_at_ns=1_700_000_000_000_000_000,
        ended_at_ns=1_700_000_001_000_000_000,
        seed="s",
        hash_seed="1",
        packages={"agentmesh": "0.1.0"},
        sources={"app": "00" * 32},
        settings={"OPENAI_MODEL": "sim", "TZ": "UTC"},
    )


def _write_open(run: RunDirectory) -> None:
    """Write what a run has that goes on: two hosts, one of which has lived twice."""
    _write(run, "one", {"A/1": _history("A/1")[:3]})
    path = run.local / EVENTS / "one-0.log"
    with path.open("rb") as file, LocalFiles().building(str(path.parent / "one-0.parquet")) as to:
        seal_logs(to, {path.name: (LogSource(file, str(path)), None)})
    path.unlink()
    _write(run, "one", {"A/1": _history("A/1")[3:]}, start=3, number=1)
    _write(run, "two", {"B/1": _history("B/1")[:2]})
    earlier = run.local / EVENTS / "two-0.log"
    life = Life(incarnation=2, after={"two-0.log": earlier.stat().st_size}, base="two-1.log")
    _write(run, "two", {"B/1": _history("B/1")[2:]}, start=2, number=1, life=life)
    _write_snapshot(run)
    Fence(run.local, "two", 1).put_up()
    Fence(run.local, "two", 2).begin()


def _write(  # noqa: PLR0917 - reads as a table of what is written
    run: RunDirectory,
    host: str,
    histories: dict[str, History],
    start: int = 0,
    number: int = 0,
    life: Life | None = None,
) -> None:
    while run.next_number(host) < number:
        (run.local / EVENTS / f"{host}-{number - 1}.log").touch()
    log = run.log_writer(host, PLAIN, life=life)
    for address, steps in histories.items():
        log.open_cell(address)
        for step, (event, issued) in enumerate(steps, start):
            log.event(address, step, event)
            log.commands(address, step, issued)
            log.commit()
    log.close()
    for path in (run.local / EVENTS).glob("*.log"):
        if not path.stat().st_size:
            path.unlink()


def _write_snapshot(run: RunDirectory) -> None:
    encoder = BodyEncoder(PLAIN)
    rest = CellSnapshot(
        "B/1", "s", 1, 9, 1, 3, 1, 4, 2, 0, "alive", b'{"n":1}', (1, 2, b"k", b"b", None),
        [_ask("B/1", 3)], [], b"", b"", {"failures": [1, 2]},
    )  # fmt: skip
    carried = [encoder.event(event) for event, _ in _history("B/1")[:2]]
    images: list[Image] = [
        CellImage("B/1", 2, rest, carried, {"A/1": 4}, 1),
        CellImage("C/1", 1, None, carried[:1], {}),
        FlightImage([encoder.event(Delivered(5, _ask("B/1", 8)))]),
    ]
    header = LogHeader(run.id, "two", 1, time.time_ns(), "0.1.0", 1)
    write_snapshot(run.local / SNAPSHOTS / "two-1.log", header, images)


def _ask(dst: str, n: int, payload: bytes = b'{"text":"hi"}') -> Envelope:
    chain = ("main/root",)
    return Envelope("A/1", n, dst, ASK, "answer", "Question", payload, 0, 10**18, chain)


def _history(address: str) -> History:
    """Return steps with every kind of event and command."""
    other = "A/1" if address == "B/1" else "B/1"
    answer = Envelope(address, 2, CLIENT, REPLY, payload=b'{"answer":42}', re=1)
    return [
        (Started(1, address, "s", 1, b'{"n":0}'), []),
        (
            Delivered(2, _ask(address, 1)),
            [
                Send(1, Envelope(address, 1, other, TELL, "note", "Note", b'{"n":1}')),
                StartEffect(1, 1, "http", "POST model", "k" * 32, b'{"json":{"model":"m"}}', 9),
                StartTimer(1, 2, 10**9),
                Log(1, "info", "said \ud800", b'{"n":1}'),
            ],
        ),
        (EffectStreamed(3, 1, 1, b'data: {"a":1}\n\n'), []),
        (EffectFinished(4, 1, 1, b'{"status":200,"json":{"usage":{"total_tokens":3}}}'), []),
        (TimerFired(5, 1, 2), [CancelTimer(1, 3), CancelEffect(1, 4)]),
        (Delivered(6, _ask(address, 2, _LARGE)), [StartEffect(2, 1, "tool", "t", "k", _LARGE)]),
        (EffectFailed(7, 2, 1, _ERROR, "Trace"), [FinishTurn(2, "A/1#2", "failed", _ERROR)]),
        (Delivered(8, Envelope(other, 3, address, FAIL, payload=_ERROR, re=1, note="T")), []),
        (Cancelled(9, "A/1#1", "deadline"), [FinishTurn(1, "A/1#1", "expired"), Send(1, answer)]),
        (Stopped(10, "stop"), []),
    ]


def copy_of(corpus: Path, name: str, folder: Path) -> Path:
    """Copy one run of the corpus; return its directory or file."""
    target = folder / name
    if (corpus / name).is_dir():
        shutil.copytree(corpus / name, target)
    else:
        shutil.copyfile(corpus / name, target)
    return target
