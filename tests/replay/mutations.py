"""Faults planted in a recorded program, and what a divergence report must say of each.

Most are edits: the run was recorded before them. The others are leaks: the program has them
when it is recorded, and the replay finds another world (hash seed, environment, file, package,
process). Which event is the first that differs follows from the program, which does one thing
after the other; it is written down here, and nothing computes it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import agentmesh as am
from agentmesh.mesh.check_report import Checked

PROGRAM = Path(__file__).parent / "newsroom"
_ROOT = Path(__file__).parents[2]
_SECONDS = 120.0

Edits = tuple[tuple[str, str], ...]
"""What is replaced by what, in the program's source; each must be there exactly once."""

CODE, PROMPT, ENVIRONMENT = "code", "prompt", "environment"
UNRECORDED = "unrecorded input"


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One planted fault."""

    name: str
    edits: Edits
    event: str
    """The first event that is handled differently."""
    cause: str
    changed: str = ""
    """The function, class or constant that must be named; empty for none."""
    leaks: bool = False
    """Whether the run is recorded with the fault, and the replay finds another world."""


def edit(event: str, cause: str, changed: str, name: str, *edits: tuple[str, str]) -> Mutation:
    """Describe an edit."""
    return Mutation(name=name, edits=edits, event=event, cause=cause, changed=changed)


def leak(event: str, cause: str, name: str, *edits: tuple[str, str]) -> Mutation:
    """Describe a leak."""
    return Mutation(name=name, edits=edits, event=event, cause=cause, leaks=True)


_FETCH = "        facts = await fetch(topic.name)\n"
_ARCHIVE = "        old = await archive(topic.name)\n"
_TAGS = "for tag in sorted(TAGS):"
_DRAFTED = 'am.log("drafted", topic=topic.name, number=self.drafts, edition=EDITION)'

W1, W2, W3, W4 = (f"Writer/main@{step}" for step in (1, 2, 3, 4))
E1, E2 = "Editor/main@1", "Editor/main@2"

EDITS = (
    edit(W1, CODE, "Writer.write", "two awaits swapped", (_FETCH + _ARCHIVE, _ARCHIVE + _FETCH)),
    edit(
        W1,
        CODE,
        "Writer.write",
        "an effect added first",
        (_FETCH, "        await archive('x')\n" + _FETCH),
    ),
    edit(
        W3,
        CODE,
        "Writer.write",
        "an effect added later",
        (_ARCHIVE, _ARCHIVE + "        await fetch(old)\n"),
    ),
    edit(W2, CODE, "Writer.write", "an effect removed", (_ARCHIVE, "        old = ''\n")),
    edit(
        W1,
        CODE,
        "Writer.write",
        "an effect's argument changed",
        (_FETCH, _FETCH.replace("name)", "name, depth=2)")),
    ),
    edit(
        W1,
        CODE,
        "Writer.write",
        "two effects at once",
        (
            _FETCH + _ARCHIVE,
            "        facts, old = await asyncio.gather(fetch(topic.name), archive(topic.name))\n",
        ),
    ),
    edit(
        W3,
        PROMPT,
        "PROMPT",
        "a prompt edited",
        ("no more than twenty of them", "no more than thirty of them"),
    ),
    edit(W3, PROMPT, "asked", "a prompt built otherwise", ('", ".join(facts)', '"; ".join(facts)')),
    edit(
        W3,
        PROMPT,
        "Writer.write",
        "a system message edited",
        ("system=STYLE", "system=STYLE.upper()"),
    ),
    edit(
        W3,
        CODE,
        "Writer.write",
        "a model option added",
        ("system=STYLE", "system=STYLE, temperature=0.5"),
    ),
    edit(
        W3,
        CODE,
        "lookup",
        "a tool's description edited",
        ("Explain a word.", "Explain a word well."),
    ),
    edit(
        W3,
        CODE,
        "explain",
        "an offered tool renamed",
        ("async def lookup(", "async def explain("),
        ("tools=[lookup]", "tools=[explain]"),
    ),
    edit(
        W2,
        CODE,
        "Writer.write",
        "a tool renamed",
        ("async def archive(", "async def archives("),
        ("await archive(", "await archives("),
    ),
    edit(W4, CODE, "headline", "a helper function edited", ("topic.title()", "topic.upper()")),
    edit(
        W4,
        CODE,
        "Writer.write",
        "a failure instead of an answer",
        ("self.drafts += 1", "raise ValueError(text)"),
    ),
    edit(
        W4,
        CODE,
        "Draft",
        "a message field renamed",
        ("    words: int", "    length: int"),
        ("words=len", "length=len"),
        ("draft.words", "draft.length"),
    ),
    edit(
        E2,
        CODE,
        "Verdict",
        "a message field added",
        ('    reason: str = ""', '    reason: str = ""\n    grade: int = 0'),
    ),
    edit(
        E2,
        CODE,
        "Editor.review",
        "a condition flipped",
        ("draft.words > LIMIT", "draft.words < LIMIT"),
    ),
    edit(E2, CODE, "LIMIT", "a constant changed", ("LIMIT = 2", "LIMIT = 20")),
    edit(
        E2,
        CODE,
        "Editor.review",
        "a set's order leaked by an edit",
        (_TAGS, "for tag in set(TAGS):"),
    ),
    edit(E1, CODE, "Editor.review", "a pause made longer", ("am.sleep(0.01)", "am.sleep(0.02)")),
    edit(
        E1, CODE, "Editor.review", "a log line edited", ('am.log("reviewing"', 'am.log("reading"')
    ),
    edit(
        "main/root@3",
        CODE,
        "main",
        "a condition flipped in the workflow",
        ("if verdict.ok:", "if not verdict.ok:"),
    ),
    edit(
        "main/root@5",
        CODE,
        "main",
        "a loop cut short",
        ('("storm", "harvest", "election")', '("storm", "harvest")'),
    ),
    edit(
        "main/root@8",
        CODE,
        "main",
        "a handler renamed",
        ("async def count(", "async def total("),
        ("am.ref(Press).count()", "am.ref(Press).total()"),
    ),
    edit(
        "Press/main@7",
        CODE,
        "Press",
        "an initial state changed",
        ("    printed: int = 0", "    printed: int = 5"),
    ),
)

LEAKS = (
    leak(E2, ENVIRONMENT, "a set's order", (_TAGS, "for tag in set(TAGS):")),
    leak(
        W3,
        ENVIRONMENT,
        "a set's order in a prompt",
        ('", ".join(facts)', '" ".join({*facts, *TAGS})'),
    ),
    leak(E1, ENVIRONMENT, "the version of a package"),
    leak(
        W4,
        UNRECORDED,
        "a module global",
        ("self.drafts += 1", "self.drafts += 1; global CALLS; CALLS += 1"),
        ("number=self.drafts", "number=CALLS"),
    ),
    leak(W4, UNRECORDED, "a captured clock", (_DRAFTED, 'am.log("drafted", at=CLOCKS[0]())')),
    leak(
        W4, UNRECORDED, "a memory address", (_DRAFTED, 'am.log("drafted", at=id(text) + id(Draft))')
    ),
    leak(W4, UNRECORDED, "a variable of the environment"),
    leak(W3, UNRECORDED, "a file read at import"),
)

MUTATIONS = (*EDITS, *LEAKS)


def record(program: Path, store: Path, *run_ids: str, edition: str = "morning") -> None:
    """Run a copy of the program; several runs are recorded by one process."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_ROOT), str(program / "site")]),
        "PYTHONHASHSEED": "1",
        "NEWSROOM_EDITION": edition,
    }
    subprocess.run(
        [sys.executable, str(program / "newsroom.py"), str(store), *run_ids],
        env=environment,
        check=True,
        timeout=_SECONDS,
    )


def prepare(folder: Path, mutations: Sequence[Mutation]) -> list[Path]:
    """Make a folder for each mutation, with a recorded run and the program to replay it on."""
    base = copy(folder / "base")
    if not all(one.leaks for one in mutations):
        record(base, folder / "base-store", "base")
    return [_prepare(folder / f"{place:02}", base, one) for place, one in enumerate(mutations)]


def copy(to: Path) -> Path:
    """Copy the program."""
    shutil.copytree(PROGRAM, to, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def _prepare(folder: Path, base: Path, mutation: Mutation) -> Path:
    program = copy(folder / "program")
    mutate(program / "newsroom.py", mutation.edits)
    run = folder / "runs" / mutation.name.replace(" ", "-").replace("'", "")
    if mutation.leaks:
        # The first run leaves behind in its process what the second one finds.
        edition = "evening" if "variable" in mutation.name else "morning"
        record(program, folder / "store", "before", "leaks", edition=edition)
        shutil.copytree(folder / "store" / "leaks", run)
        change_world(program, mutation.name)
        moved(run, program, program, hash_seed="2" if "set" in mutation.name else "1")
    else:
        shutil.copytree(base.parent / "base-store" / "base", run)
        moved(run, base, program)
    return run


def mutate(file: Path, edits: Edits) -> None:
    """Edit a source."""
    text = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def change_world(program: Path, name: str) -> None:
    """Change what is around a program; what is not a file is another one in any replay."""
    if "file" in name:
        (program / "style.txt").write_text("Write like a lawyer.\n", encoding="utf-8")
    if "package" in name:
        site = program / "site"
        (site / "gazette-1.0.dist-info").rename(site / "gazette-2.0.dist-info")
        mutate(site / "gazette-2.0.dist-info" / "METADATA", (("Version: 1.0", "Version: 2.0"),))
        mutate(site / "gazette" / "__init__.py", (("The Gazette", "The Daily Gazette"),))


def moved(run: Path, old: Path, new: Path, hash_seed: str = "1") -> None:
    """Let a run say that its program is somewhere else, and which hash seed it had."""
    path = run / "run.json"
    info = json.loads(path.read_text(encoding="utf-8").replace(f"{old}/", f"{new}/"))
    info["entry"]["sys_path"] = [str(new), str(_ROOT), str(new / "site")]
    info["hash_seed"] = hash_seed
    path.write_text(json.dumps(info), encoding="utf-8")


def problems(mutation: Mutation, found: Checked) -> list[str]:
    """Return what a report gets wrong."""
    wrong = []
    if found.event != mutation.event:
        wrong.append(f"event {found.event or found.why}, not {mutation.event}")
    if found.first.get("cause") != mutation.cause:
        wrong.append(f"cause {found.first.get('cause')}, not {mutation.cause}")
    named = [change["name"] for change in found.first.get("changed", [])]
    if mutation.changed and mutation.changed not in named:
        wrong.append(f"names {', '.join(named) or 'nothing'}, not {mutation.changed}")
    return wrong


def check(folder: Path, mutations: Sequence[Mutation]) -> list[tuple[Mutation, Checked]]:
    """Plant each fault, replay, and return what is said of it."""
    runs = prepare(folder, mutations)
    report = am.check(*runs, store=str(folder / "none"))
    return list(zip(mutations, report.runs, strict=True))
