"""Opens broken runs by the thousand: `python tests/journal/fuzzing.py --samples 100000`.

Every sample is one run with one broken file (now and then two), of which everything is asked
that a reader can ask. All it may do is answer, or raise a documented error. Samples are made
and read in worker processes with bounded memory, each watched by the clock; a sample is a
function of the seed and its number, so that `--only N` repeats one.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # started as a script, too

from tests.journal.campaign import Campaign, tell  # noqa: E402

MEMORY_BYTES = 4 << 30
"""Address space of a worker: Arrow reserves much of it, and uses little."""


# --- one sample -----------------------------------------------------------------------------------


def sample(corpus: Path, folder: Path, rng: random.Random) -> str:
    """Break a run and ask it everything; return what became of it.

    Raises:
        Exception: Anything but a documented error: a defect.
    """
    from agentmesh.errors import JournalError, StoreError, UnknownRunError
    from tests.journal.corpus import CLOSED, OPEN, PACKED, copy_of

    name = rng.choice((OPEN, OPEN, CLOSED, PACKED))
    target = copy_of(corpus, name, folder)
    broken = [_break_one(target, rng) for _ in range(rng.choice((1, 1, 1, 1, 2)))]
    ends = []
    for ask in QUESTIONS[name]:
        try:
            ask(target, rng)
            ends.append("answered")
        except (JournalError, StoreError, UnknownRunError) as error:
            _check_said(error)
            ends.append(type(error).__name__)
    end = next((each for each in ends if each != "answered"), "answered")
    return f"{broken[0]}: {end}"


def _check_said(error: Exception) -> None:
    assert all(getattr(error, part) for part in ("what", "cause", "fix")), repr(error)


def _break_one(target: Path, rng: random.Random) -> str:
    from tests.journal import mutations

    if target.is_file():
        return _break_file(target, "pack", mutations.pack_file, rng)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    if not files:
        return "nothing"
    path = rng.choice(files)
    kind, mutate = _mutation_of(path)
    if kind == "fence":
        return _break_fence(path, rng)
    return _break_file(path, kind, mutate, rng)


def _break_file(
    path: Path, kind: str, mutate: Callable[[random.Random, bytes], bytes], rng: random.Random
) -> str:
    from tests.journal import mutations

    pick = rng.random()
    if pick < 0.02:
        path.unlink()
    elif pick < 0.03:
        path.unlink()
        path.mkdir()
    elif pick < 0.1:
        path.write_bytes(mutations.cut(rng, path.read_bytes()))
    else:
        data = path.read_bytes()
        try:
            path.write_bytes(mutate(rng, data))
        except Exception:  # noqa: BLE001 - it was broken before, so that nobody can take it apart
            path.write_bytes(mutations.raw(rng, data))
    return kind


def _mutation_of(path: Path) -> tuple[str, Callable[[random.Random, bytes], bytes]]:
    from tests.journal import mutations

    if path.parent.name == "fences":
        return "fence", mutations.raw
    if path.parent.name == "snapshots":
        return "snapshot", mutations.log_file
    return {
        ".json": (path.name, mutations.json_file),
        ".log": ("log", mutations.log_file),
        ".parquet": ("parquet", mutations.parquet_file),
        ".zst": ("payload", mutations.blob_file),
    }.get(path.suffix, ("other", mutations.raw))


def _break_fence(path: Path, rng: random.Random) -> str:
    from tests.journal import mutations

    names = ("two-99999999999999999999", "two--1", "-", "two-1.begun", "\udcff", "x" * 200)
    if rng.random() < 0.5:
        path.write_bytes(rng.randbytes(rng.randrange(100)))
    else:
        path.unlink()
        path.with_name(rng.choice(names)).write_bytes(mutations.raw(rng, b"fence"))
    return "fence"


# --- what is asked --------------------------------------------------------------------------------


def _read(target: Path, rng: random.Random) -> None:
    from agentmesh.journal.store import Store

    with Store(target.parent).open_run(str(target)) as run:
        for address in run.addresses():
            for step in run.steps(address, resolve=rng.random() < 0.8):
                repr(step)
        run.counts()
        assert run.torn is not None
        run.payload_of("A/1#1")
        for entry in run.entries():
            repr(entry)


def _tabulate(target: Path, rng: random.Random) -> None:
    from agentmesh.journal.store import Store

    if rng.random() < 0.3:
        with Store(target.parent).open_run(str(target)) as run:
            run.table().validate(full=True)


def _tell(target: Path, rng: random.Random) -> None:
    """Ask what `show`, `log` and `audit` ask."""
    from agentmesh.causality.audit import audit
    from agentmesh.cli.facts import gather
    from agentmesh.cli.log_command import JsonPrinter, PlainPrinter, Reader, Wanted
    from agentmesh.cli.runs_command import info_json
    from agentmesh.journal.store import Store
    from agentmesh.mesh.condition import condition_of

    with Store(target.parent).open_run(str(target)) as run:
        condition = condition_of(run)
        pick = rng.randrange(3)
        if pick == 0:
            json.dumps(gather(run).as_json(), default=str)
            json.dumps(info_json(run.info, condition), default=str)
        elif pick == 1:
            printer = JsonPrinter() if rng.random() < 0.5 else PlainPrinter()
            printer.measure(run)
            for line in Reader(Wanted(level="debug")).lines(run):
                printer.text(line)
        else:
            audit(run)


def _succeed(target: Path, rng: random.Random) -> None:
    """Ask what a host asks that restores the agents of another."""
    from agentmesh.journal.store import Store
    from agentmesh.journal.succession import Succession, lives

    directory = Store(target.parent).attach(target.name)
    host = rng.choice(("one", "two"))
    lives(directory, host)
    left = Succession(directory, host, 3)
    try:
        for address in left.addresses:
            image = left.image(address)
            if image is not None:
                list(left.carried(image))
            list(left.steps(address))
        list(left.in_flight())
    finally:
        left.close()


def _compact(target: Path, rng: random.Random) -> None:
    """Do what is done to a run that goes on, and then to one that has ended."""
    from agentmesh.journal.store import Store

    if rng.random() < 0.15:
        with Store(target.parent).open_run(str(target)) as run:
            run.seal()


def _import(target: Path, rng: random.Random) -> None:
    from agentmesh.errors import UsageError
    from agentmesh.journal.sharing import import_pack
    from agentmesh.journal.store import Store

    if rng.random() < 0.5:
        with contextlib.suppress(UsageError):  # its id can't be a directory's name
            import_pack(target, Store(target.parent / "store"))


QUESTIONS: dict[str, list[Callable[[Path, random.Random], None]]] = {
    "open": [_read, _tell, _tabulate, _succeed, _compact],
    "closed": [_read, _tell, _tabulate],
    "run.mesh": [_read, _tell, _tabulate, _import],
}


# --- workers --------------------------------------------------------------------------------------


def work(seed: int, first: int, last: int, corpus: Path) -> None:
    """Take samples one by one, and say before each which one it is, and after it what it did."""
    parent = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # readers may warn; the parent reads JSON
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    _use_one_thread()
    ends: collections.Counter[str] = collections.Counter()
    for number in range(first, last):
        tell(json.dumps({"begins": number}), parent)
        problem = try_one(seed, number, corpus, ends)
        if problem:
            tell(json.dumps({"sample": number, "problem": problem}), parent)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell(json.dumps({"ends": ends, "peak_kb": peak}), parent)


def _use_one_thread() -> None:
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def try_one(seed: int, number: int, corpus: Path, ends: collections.Counter[str]) -> str:
    """Take one sample; return what is wrong, or nothing."""
    folder = Path(tempfile.mkdtemp(prefix="agentmesh-fuzz-", dir=corpus.parent))
    try:
        ends[sample(corpus, folder, random.Random(f"{seed}/{number}"))] += 1
    except Exception:  # noqa: BLE001 - a defect, whatever it is
        return "".join(traceback.format_exc(limit=-14))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return ""


def main(arguments: list[str]) -> int:
    """Fuzz, and print what came of it."""
    if arguments[:1] == ["--work"]:
        seed, first, last = map(int, arguments[1:4])
        work(seed, first, last, Path(arguments[4]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0, help="begin no batch after that")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", type=int, metavar="N", help="repeat one sample in this process")
    chosen = parser.parse_args(arguments)
    from tests.journal.corpus import build

    with tempfile.TemporaryDirectory(prefix="agentmesh-fuzz-") as folder:
        corpus = Path(folder) / "corpus"
        build(corpus)
        if chosen.only is not None:
            tell(try_one(chosen.seed, chosen.only, corpus, collections.Counter()) or "fine")
            return 0
        started = time.monotonic()
        campaign = Campaign(chosen.seed, chosen.samples, chosen.seconds, corpus)
        with contextlib.suppress(KeyboardInterrupt):  # what was found until then is told
            campaign.run(chosen.processes)
    return _told(campaign, time.monotonic() - started)


def _place_of(problem: str) -> str:
    """Return what tells a defect from another: our last line in it, and the error's class."""
    lines = [line for line in problem.splitlines() if "/agentmesh/" in line and "File" in line]
    return f"{lines[-1:]} {problem.strip().splitlines()[-1].partition(':')[0]}"


def _told(campaign: Campaign, seconds: float) -> int:
    for end, count in sorted(campaign.ends.items()):
        tell(f"{count:>8,}  {end}")
    tell(
        f"{campaign.done:,} samples in {seconds:,.0f} s, {len(campaign.problems):,} defects, "
        f"at most {campaign.peak_kb / 1e3:,.0f} MB in a process"
    )
    places: dict[str, list[int]] = {}
    for number, problem in sorted(campaign.problems.items()):
        places.setdefault(_place_of(problem), []).append(number)
    for numbers in sorted(places.values(), key=len, reverse=True):
        shown = "\n".join(campaign.problems[numbers[0]].splitlines()[-12:])
        tell(f"\n--- {len(numbers):,} times, as in --only {numbers[0]}\n{shown}")
    return 1 if campaign.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
