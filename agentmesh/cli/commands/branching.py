"""Commands that ask what would have been: branches of recorded runs."""

from enum import StrEnum
from typing import Annotated

import typer

from agentmesh.cli.commands.travelling import OfRunArgument
from agentmesh.cli.parameters import JsonOption, StoreOption


class Misses(StrEnum):
    """What becomes of effects that the parent has no answer for."""

    stop = "stop"
    live = "live"
    resample = "resample"


def _many(name: str, metavar: str, text: str) -> object:
    return typer.Option(name, metavar=metavar, help=f"{text} Repeatable.")


class Places(StrEnum):
    """Where a branch can go on for real."""

    ray = "ray"
    local = "local"


Texts = list[str] | None
ResultOption = Annotated[
    Texts, _many("--result", "EVENT=JSON", "The effect that ended there has another result.")
]
FailOption = Annotated[Texts, _many("--fail", "EVENT=TEXT", "The effect that ended there fails.")]
AgainOption = Annotated[
    Texts, _many("--again", "EVENT", "The effect that ended there is asked for again.")
]
EditOption = Annotated[
    Texts,
    _many("--edit", "EVENT=JSON", "The message that arrived there has these fields instead."),
]
DropOption = Annotated[Texts, _many("--drop", "EVENT", "The message that arrived there is lost.")]
DuplicateOption = Annotated[
    Texts, _many("--duplicate", "EVENT", "The message that arrived there comes twice.")
]
DelayOption = Annotated[
    Texts, _many("--delay", "EVENT=TIME", "What came there comes later: Writer/w1@118=5s.")
]
ReorderOption = Annotated[
    Texts,
    _many("--reorder", "EVENT=EVENT", "The message of the first comes after that of the second."),
]
InsertOption = Annotated[
    Texts,
    _many("--insert", "AGENT.HANDLER=JSON", "A message that nobody sent: Shop/a.buy={...}."),
]

FaultOption = Annotated[
    Texts,
    _many(
        "--fault",
        "EVENT=HOW",
        "The effect that ended there goes wrong: fail, 429, truncate, malformed or stale; or the "
        "agent's process ends right after it, and is restored: crash.",
    ),
]
SetOption = Annotated[
    Texts,
    _many("--set", "AGENT.NAME=JSON", "An attribute of an agent, after --at: Counter/a.total=50."),
]
CodeOption = Annotated[
    Texts,
    _many("--code", "TYPE=FILE", "Agents of a type have another code after --at: Writer=new.py."),
]
ModelOption = Annotated[
    Texts,
    _many("--model", "[TYPE=]NAME", "Model calls after --at ask this model."),
]
ParameterOption = Annotated[
    Texts,
    _many("--parameter", "NAME=JSON", "Model calls after --at have it: temperature=0."),
]
PromptOption = Annotated[
    Texts,
    _many("--prompt", "OLD=NEW", "Prompts after --at have other words."),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        metavar="EVENT",
        help="Where the branch begins; it is kept unless it is changed itself.",
        show_default="the first that is changed",
    ),
]
PolicyOption = Annotated[
    Misses,
    typer.Option(
        help="For effects that the parent has no answer for: stop there, perform them, or "
        "draw from its answers of the same kind and name."
    ),
]
KnownOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RUN", help="A further run whose answers count before the policy. Repeatable."
    ),
]
IrreversibleOption = Annotated[
    bool,
    typer.Option("--irreversible", help="Also perform what is declared idempotent=False."),
]
OnOption = Annotated[
    Places | None,
    typer.Option(
        help="Let it go on for real, there: all effects after --at are performed.",
        show_default="made from the record",
    ),
]
ProgramOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The program, if it is not where it ran."),
]


def fork(
    *,
    run: OfRunArgument,
    at: AtOption = None,
    result: ResultOption = None,
    fail: FailOption = None,
    again: AgainOption = None,
    edit: EditOption = None,
    drop: DropOption = None,
    duplicate: DuplicateOption = None,
    delay: DelayOption = None,
    reorder: ReorderOption = None,
    insert: InsertOption = None,
    fault: FaultOption = None,
    set_: SetOption = None,
    code: CodeOption = None,
    model: ModelOption = None,
    parameter: ParameterOption = None,
    prompt: PromptOption = None,
    policy: PolicyOption = Misses.stop,
    known: KnownOption = None,
    irreversible: IrreversibleOption = False,
    on: OnOption = None,
    program: ProgramOption = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="ID", help="The branch's id.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Branch off a run: change one thing, and run again only what it reaches.

    An event is AGENT@STEP, as in Writer/w1@118, or its number.
    """
    said = locals()
    from agentmesh.cli import fork_command, fork_edits

    wanted = fork_command.Wanted(
        at=at,
        edits=fork_edits.edits_of(said),
        policy=None if on is not None and policy is Misses.stop else policy.value,
        on=None if on is None else on.value,
        known=known or [],
        irreversible=irreversible,
        program=program,
        run_id=id_,
    )
    return fork_command.fork(run, wanted, store=store, as_json=json)
