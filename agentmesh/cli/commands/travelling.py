"""Commands that go back to any moment of a recorded run, and find the one to go to."""

from typing import Annotated

import typer

from agentmesh.cli import completion
from agentmesh.cli.parameters import AgentsOption, JsonOption, RunArgument, StoreOption

OfRunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id of a run or the start of it, its directory, or `latest`.",
        autocompletion=completion.run_ids,
    ),
]
EventArgument = Annotated[
    str,
    typer.Argument(metavar="EVENT", help="`AGENT@STEP`, as in Writer/w1@118; or its number."),
]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many at most.")
]


EventOption = Annotated[
    str | None,
    typer.Option(
        "--event",
        "-e",
        metavar="EVENT",
        help="`AGENT@STEP`; or the number of a step with --agent, of an event without.",
        show_default="the last",
    ),
]
AnywayOption = Annotated[
    bool,
    typer.Option("--anyway", help="Also what is not as it was recorded: the replay differs."),
]


def state(
    *,
    run: RunArgument = "latest",
    event: EventOption = None,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="`Type/key`, or a type with one agent.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All agents at the cut of the event.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="What the event changed.")] = False,
    anyway: AnywayOption = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Show agents just after an event: state, open turns and their stacks, what is pending."""
    from agentmesh.cli import state_command

    return state_command.state(
        run,
        event=event,
        agent=agent,
        every=every,
        diff=diff,
        anyway=anyway,
        store=store,
        as_json=json,
    )


def when(
    *,
    run: OfRunArgument,
    question: Annotated[
        str,
        typer.Argument(
            metavar="EXPRESSION",
            help="Over the state of agents: 'writer.draft_count > 3', \"changed(writer.status)\", "
            "\"Writer['w1'].drafts == []\".",
        ),
    ],
    agent: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Names in EXPRESSION are attributes of this agent."),
    ] = None,
    limit: LimitOption = 20,
    processes: Annotated[
        int, typer.Option(min=0, help="How many; 0 takes as many as the run is worth.")
    ] = 0,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Find the events after which something holds: the first, the last, all."""
    from agentmesh.cli import when_command

    return when_command.when(
        run,
        question,
        agent=agent,
        limit=limit,
        processes=processes,
        store=store,
        as_json=json,
    )


def why(
    *,
    run: OfRunArgument,
    event: EventArgument,
    limit: LimitOption = 20,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Tell what an event came from: the messages, effects and earlier events behind it."""
    from agentmesh.cli import causes_command

    return causes_command.why(run, event, store=store, limit=limit, as_json=json)


def effects_of(
    *,
    run: OfRunArgument,
    event: EventArgument,
    limit: LimitOption = 20,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Tell what came of an event, in all agents."""
    from agentmesh.cli import causes_command

    return causes_command.effects_of(run, event, store=store, limit=limit, as_json=json)


def waits(
    *,
    run: RunArgument = "latest",
    agent: AgentsOption = None,
    limit: LimitOption = 10,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Tell who waited for whom, and how long."""
    from agentmesh.cli import waits_command

    return waits_command.waits(
        run, agents=tuple(agent or ()), store=store, limit=limit, as_json=json
    )


def search(
    *,
    run: OfRunArgument,
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Is in a payload, an error or a log line.")
    ] = "",
    type_: Annotated[
        str,
        typer.Option(
            "--type", metavar="NAME", help="A message's type or handler, an effect's name; * too."
        ),
    ] = "",
    where: Annotated[
        str,
        typer.Option(metavar="PATH", help="In the payload: '$.amount > 100', '$..sku == \"A1\"'."),
    ] = "",
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="message, effect, log, turn.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed.")] = False,
    agent: AgentsOption = None,
    limit: LimitOption = 20,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Find messages, effects and log lines by text, type or JSON path."""
    from agentmesh.cli import search_command

    wanted = search_command.Wanted(
        text=text,
        agents=tuple(agent or ()),
        kinds=tuple(kind or ()),
        type=type_,
        where=where,
        failed=failed,
    )
    return search_command.search(run, wanted, store=store, limit=limit, as_json=json)
