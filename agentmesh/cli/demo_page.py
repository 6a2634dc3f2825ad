"""How the demo looks: the table of runs as it grows, and what went wrong in one of them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from agentmesh.cli import terminal
from agentmesh.cli.exchanges import Exchange, exchanges
from agentmesh.cli.replay_command import faster
from agentmesh.cli.wording import NS_PER_SECOND, compact, counted, shortened, took, visible
from agentmesh.journal.run import Run

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

STOCK, WRITER, CRITIC = "Stock/main", "Writer/main", "Critic/main"
_TEXT_MAX = 110


class Made(Protocol):
    """A finished run, as the page needs to know it."""

    @property
    def run_id(self) -> str:
        """Its id."""

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def problems(self) -> list[str]:
        """What went wrong at the desk."""

    @property
    def error(self) -> str:
        """Why the run itself failed."""


@dataclass(frozen=True, kw_only=True)
class Beat:
    """One line of the story."""

    at_ns: int
    who: str
    what: str
    answer: str
    remark: str = ""
    """What is to be said beside it."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happened in a run, from its journal."""

    agents: str
    """Whose messages are told, in words."""
    agent: str
    """The type of the one whose log tells most."""
    races: bool
    """Whether they are the stock's, in their fateful order."""
    started_ns: int
    beats: list[Beat]
    good: str = ""
    """Id of a run that went well."""
    good_order: str = ""
    """In which order the same messages came there."""

    def compared(self, run: Run) -> "Story":
        """Return the story with the order of a run that went well."""
        order = ", ".join(f"{beat.who} {beat.what}" for beat in _at_the_stock(run))
        return replace(self, good=run.id, good_order=order)


def story_of(run: Run, problems: list[str]) -> Story:
    """Read from a run's journal what its problems came from."""
    oversold = any(problem.startswith("oversold") for problem in problems)
    started_ns = run.info.created_at_ns
    if oversold or not problems:
        beats = _at_the_stock(run)
        return Story(
            agents=STOCK, agent="Stock", races=oversold, started_ns=started_ns, beats=beats
        )
    customer = problems[0].removeprefix("wrong promise: ").partition(" ")[0]
    beats = sorted(_about_letters(run, customer), key=lambda beat: beat.at_ns)
    agents = f"{WRITER} and {CRITIC}"
    return Story(agents=agents, agent="Writer", races=False, started_ns=started_ns, beats=beats)


def _at_the_stock(run: Run) -> list[Beat]:
    """Tell who looked at the stock and who took from it; the workflow's own looks aside."""
    asked = [each for each in exchanges(run, STOCK) if each.sender.startswith("Specialist/")]
    looked: dict[str, int] = {}
    taken = 0
    beats = []
    for each in asked:
        remark = ""
        if each.handler == "look":
            looked[each.sender] = taken
        elif looked.get(each.sender, taken) < taken:
            remark = "had looked before the other one reserved"
        taken += each.handler == "reserve"
        beats.append(
            Beat(
                at_ns=each.at_ns,
                who=visible(each.sender.partition("/")[2]),
                what=f"{each.handler}s",
                answer=f"{each.reply} left",
                remark=remark,
            )
        )
    return beats


def _about_letters(run: Run, customer: str) -> Iterator[Beat]:
    """Tell what was written to a customer, and what the critic said."""
    for each in _asked(run, WRITER, customer):
        days = each.reply.get("delivery_days")
        remark = "" if days is None else f"promises {counted(days, 'day')}"
        text = _quoted(each.reply.get("text", ""))
        yield Beat(at_ns=each.at_ns, who=WRITER, what=f"to {customer}", answer=text, remark=remark)
    for each in _asked(run, CRITIC, f"Dear {customer}"):
        verdict = "approves" if each.reply.get("approved") else "objects"
        reason = _quoted(each.reply.get("reason", ""))
        yield Beat(at_ns=each.at_ns, who=CRITIC, what=verdict, answer=reason)


def _asked(run: Run, address: str, words: str) -> list[Exchange]:
    found = [
        each
        for each in exchanges(run, address)
        if each.handler != "greet" and words in compact(each.request)
    ]
    return [each for each in found if isinstance(each.reply, dict)]


def _quoted(text: object) -> str:
    return shortened(visible(str(text)), _TEXT_MAX)


class Progress:
    """Shows the runs as they are made."""

    def __init__(self, live: "Live | None", table: "Table | None") -> None:
        self._live = live
        self._table = table
        self._number = 0

    def begin(self, number: int) -> None:
        """Say that a run begins."""
        self._number = number
        self._draw("starting")

    def update(self, events: int) -> None:
        """Say how far the run has come."""
        self._draw(counted(events, "event"))

    def end(self, run: Made) -> None:
        """Show how a run ended."""
        if self._table is None:
            terminal.say(f"agentmesh: run {self._number} {_outcome(run)[0]}, {took(run.seconds)}")
        else:
            add_row(self._table, run)
            self._draw("")

    def _draw(self, detail: str) -> None:
        if self._live is None or self._table is None:
            return
        from rich.console import Group
        from rich.spinner import Spinner

        line = Spinner("dots", terminal.styled(f"run {self._number}: {detail}", "dim"))
        self._live.update(Group(self._table, line) if detail else self._table)


class Page:
    """What the demo prints.

    Args:
        silent: Print no more than progress, to standard error.
    """

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._out = sys.stdout
        self._drawn = False

    def open(self, model: str, runs: int, *, on_ray: bool) -> None:
        """Say what is going to happen."""
        where = "on a local Ray" if on_ray else "in this process, without Ray"
        self._print(
            f"A support desk of agents, {where}: triage, specialists, stock, writer, critic.\n"
            "One desk lamp is left, and two customers want it; a third has a complaint.\n"
            f"The model is {model}.\nThe same program, {counted(runs, 'time')}:\n"
        )

    @contextmanager
    def running(self) -> Iterator[Progress]:
        """Show the table of runs while it grows; drawn only on a terminal."""
        if self._silent or not self._out.isatty():
            yield Progress(None, None)
            return
        from rich.live import Live

        table = runs_table()
        self._drawn = True
        with Live(table, console=terminal.console(self._out), refresh_per_second=8) as live:
            yield Progress(live, table)

    def close_runs(self, made: Sequence[Made], *, asked: int, simulated: bool) -> None:
        """Say which runs went wrong; honestly, also if none did."""
        if not self._drawn and not self._silent:
            table = runs_table()
            for run in made:
                add_row(table, run)
            terminal.show(table, stream=self._out)
        bad = sum(bool(run.problems) for run in made)
        failed = sum(bool(run.error) for run in made)
        text = f"\n{bad} of {counted(len(made), 'run')} went wrong."
        if len(made) > asked:
            text += f" (After {counted(asked, 'run')} none had, so there were more.)"
        if failed:
            text += f" {failed} did not come to an end."
        if not bad and not failed:
            text += " Chance was kind this time: call the demo again, or with more --runs."
        if simulated:
            text += " The model server is stopped now."
        self._print(text)

    def show_replay(self, run: Made, replayed: dict[str, Any], *, simulated: bool) -> None:
        """Say what came of the replay."""
        model = "model server" if simulated else "network"
        how = "the bad run" if run.problems else "a run"
        self._print(
            f"\nReplaying {how} {run.run_id} in another process, without Ray, {model} or key:"
        )
        number = len(replayed["divergences"])
        headline = f"  {counted(replayed['events'], 'event')}, {counted(number, 'divergence')}"
        self._print(headline, "bold green" if not number else "bold red")
        parts = [counted(replayed[name + "s"], name) for name in ("agent", "turn", "command")]
        speed = faster(replayed["recorded_seconds"], replayed["seconds"])
        self._print(f"  {', '.join(parts)} in {took(replayed['seconds'])}{speed}", "dim")
        if number:
            self._print(compact(replayed["divergences"][0]))

    def show_story(self, story: Story) -> None:
        """Show the messages that made the run go wrong."""
        self._print(f"\nWhat its journal says of {story.agents}:\n")
        table = terminal.table("after", "who", "what", "answer", "", right=["after"])
        for beat in story.beats:
            after = (beat.at_ns - story.started_ns) / NS_PER_SECOND
            table.add_row(
                f"{after:.3f} s",
                beat.who,
                beat.what,
                beat.answer,
                terminal.styled(beat.remark, "red"),
            )
        terminal.show(table, stream=self._out)
        if story.good_order:
            self._print(f"\nWhere it went well ({story.good}): {story.good_order}.")

    def show_lines(self, lines: Sequence[str]) -> None:
        """Print lines, one after the other."""
        for line in lines:
            self._print(line)

    def show_next(self, commands: list[str]) -> None:
        """Print the commands to try next."""
        self._print("\nTry next:\n")
        for command in commands:
            self._print(f"  {command}", "cyan")

    def _print(self, text: str, style: str = "") -> None:
        if not self._silent:
            terminal.show(terminal.styled(text, style), stream=self._out)


def runs_table() -> "Table":
    """Return an empty table of runs."""
    return terminal.table("run", "outcome", "what went wrong", "took", right=["took"])


def add_row(table: "Table", run: Made) -> None:
    """Add a run to the table of runs."""
    outcome, style = _outcome(run)
    what = run.error or "; ".join(run.problems)
    table.add_row(
        visible(run.run_id), terminal.styled(outcome, style), visible(what), took(run.seconds)
    )


def _outcome(run: Made) -> tuple[str, str]:
    if run.error:
        return "failed", "bold red"
    return ("wrong", "red") if run.problems else ("fine", "green")
