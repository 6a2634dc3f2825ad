"""`agentmesh races`: what could have come the other way round, and schedules that fail."""

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.run_command import store_words
from agentmesh.cli.wording import compact, counted, shortened, visible
from agentmesh.counterfactual.flipping import BENIGN, FAILING, UNRESOLVED, Race
from agentmesh.mesh.finding import races as find
from agentmesh.mesh.finding import subject_of
from agentmesh.mesh.finding_files import keep_finding
from agentmesh.mesh.racing import KIND, Flipper, How, Races, refuse_going_on
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run

if TYPE_CHECKING:
    from agentmesh.mesh.exploring import Explored

_VALUE_MAX = 200
_SHOWN_MAX = 20
_BENIGN_SHOWN_MAX = 3
_STYLES = {FAILING: "red", BENIGN: "dim", UNRESOLVED: "yellow"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    failed: str | None
    limit: int
    agents: list[str]
    explores: bool
    strategy: str
    schedules: int
    schedule: str | None
    known: list[str]
    policy: str
    irreversible: bool
    seconds: float | None
    processes: int | None
    program: str | None

    def how(self, run: RecordedRun) -> How:
        """Return how branches of the run are made."""
        return How(
            path=run.path,
            location=run.store.location,
            program=self.program,
            failed=self.failed,
            policy=self.policy,
            known=tuple(self.known),
            irreversible=self.irreversible,
        )


def races(name: str, wanted: Wanted, *, store: str | None, as_json: bool) -> int:
    """Show races, or run one schedule; return the exit code: 1 if something fails."""
    with open_run(name, store=store) as run:
        hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
        run.program = wanted.program
        if wanted.schedule is not None:
            return _repeat(run, wanted, wanted.schedule, store, as_json=as_json)
        with terminal.quiet_output():
            found = _find(run, wanted)
            explored = _explore(run, wanted) if wanted.explores else None
        said = {"run": run.id, **found.as_json()}
        if explored is not None:
            said["explored"] = explored.as_json()
            question = {"failed": found.question, "explored": wanted.strategy}
            keep_finding(run, KIND, question, said)
        if as_json:
            terminal.print_json(said)
        else:
            _show(found, wanted, store)
            if explored is not None:
                _show_explored(explored, wanted, store)
    decided = bool(found.matter) or bool(explored and explored.failure)
    return exit_codes.FAILED if decided else exit_codes.OK


def _find(run: RecordedRun, wanted: Wanted) -> Races:
    with terminal.working(f"flipping races of {run.id}") as update:
        return find(
            run,
            failed=wanted.failed,
            limit=wanted.limit,
            seconds=wanted.seconds,
            agents=wanted.agents,
            policy=wanted.policy,
            known=wanted.known,
            irreversible=wanted.irreversible,
            processes=wanted.processes or len(os.sched_getaffinity(0)),
            on_progress=update,
        )


def _explore(run: RecordedRun, wanted: Wanted) -> "Explored":
    from agentmesh.mesh.exploring import explore_run

    refuse_going_on(run)
    with terminal.working(f"exploring {run.id}") as update:
        return explore_run(
            Flipper(subject_of(run), wanted.how(run)),
            strategy=wanted.strategy,
            schedules=wanted.schedules,
            seconds=wanted.seconds,
            on_progress=update,
        )


# --- what is shown --------------------------------------------------------------------------------


def _show(found: Races, wanted: Wanted, store: str | None) -> None:
    counts = ", ".join(f"{n:,} {label}" for label, n in found.counts.items() if n)
    headline = f"{found.run_id}  {counted(found.pairs, 'racing pair')}"
    where = f" at {counted(found.agents, 'agent')}" if found.pairs else ""
    terminal.show(terminal.styled(f"{headline}{where}{f': {counts}' if counts else ''}", "bold"))
    if found.left > 0:
        more = f"{found.left:,} not flipped; --limit {found.pairs} flips all"
        terminal.show(terminal.styled(f"  {more}", "yellow"))
    if found.pinned:
        terminal.show(
            terminal.styled(f"  {found.pinned:,} more pairs keep their sender's order", "dim")
        )
    if found.races:
        _show_table(found)
    for race in found.matter[:1]:
        words = "does not fail" if race.cures else "fails"
        terminal.show(
            terminal.styled(
                f"\nThe run {words} if {race.pair.events[0]} comes after {race.pair.events[1]}:"
            )
        )
        command = f"agentmesh fork {found.run_id}{store_words(store)} {race.option}"
        more = _policy_words(wanted) if race.issued else ""
        terminal.show(terminal.styled(command + more))
    if not wanted.explores and found.pairs:
        terminal.hint(
            f"\nagentmesh races {found.run_id}{store_words(store)} --explore searches further"
        )


def _policy_words(wanted: Wanted) -> str:
    policy = "" if wanted.policy == "stop" else f" --policy {wanted.policy}"
    return policy + "".join(f" --known {shlex.quote(each)}" for each in wanted.known)


def _show_table(found: Races) -> None:
    table = terminal.table("", "at", "first", "then", "other way round", cut=["other way round"])
    benign = 0
    shown = 0
    for race in found.races:
        benign += race.label == BENIGN
        if benign > _BENIGN_SHOWN_MAX or shown >= _SHOWN_MAX:
            break
        shown += 1
        pair = race.pair
        table.add_row(
            terminal.styled(race.label, _STYLES.get(race.label, "")),
            visible(pair.agent),
            visible(_arrival(pair.first.step, pair.first.source, pair.first.name)),
            visible(_arrival(pair.second.step, pair.second.source, pair.second.name)),
            terminal.one_line(_otherwise(race)),
        )
    terminal.show(table)
    if len(found.races) > shown:
        terminal.show(terminal.styled(f"  and {len(found.races) - shown:,} more: --json", "dim"))


def _arrival(step: int, source: str, name: str) -> str:
    return f"@{step} {name} of {source}" if "/" in source else f"@{step} {name}"


def _otherwise(race: Race) -> str:
    if race.why:
        return visible(race.why)
    if race.label == BENIGN:
        return "same states, same sends"
    end = "does not fail any more: " if race.cures else ""
    if isinstance(race.error, dict):
        return visible(shortened(f"{end}{race.error.get('what') or race.error}", _VALUE_MAX))
    if race.result is not None:
        return visible(shortened(f"{end}{compact(race.result)}", _VALUE_MAX))
    return f"{end}{', '.join(race.differs[:3])} differ" if race.differs else end


def _show_explored(found: "Explored", wanted: Wanted, store: str | None) -> None:
    terminal.show(terminal.styled(f"\nexplored  {found.covered}", "bold"))
    if found.unresolved:
        terminal.show(
            terminal.styled(
                f"  {found.unresolved:,} unresolved: they ask for what nobody has an answer to",
                "yellow",
            )
        )
    if not found.failure:
        terminal.show(terminal.styled("  none fails", "green"))
        return
    terminal.show(terminal.styled(f"  {visible(found.failure)}", "red"))
    held = ", ".join(found.held) or "nothing: the order of sending fails"
    terminal.show(terminal.styled(f"  held back: {visible(held)}"))
    words = ["agentmesh", "races", found.run_id]
    if wanted.failed:
        words += ["--failed", wanted.failed]
    words += ["--schedule", found.case]
    terminal.show(
        terminal.styled(f"{shlex.join(words)}{store_words(store)}{_policy_words(wanted)}")
    )


# --- one schedule again ---------------------------------------------------------------------------


def _repeat(
    run: RecordedRun, wanted: Wanted, text: str, store: str | None, *, as_json: bool
) -> int:
    from agentmesh.mesh.exploring import repeat
    from agentmesh.simulation.cases import parse_case

    case = parse_case(text)
    with terminal.quiet_output(), terminal.working(f"running a schedule of {run.id}"):
        again = repeat(Flipper(subject_of(run), wanted.how(run)), case)
    said: dict[str, Any] = {"run": again.run_id, "of": run.id, "schedule": str(case)}
    said |= {"failed": again.failed, "status": again.status, "unresolved": again.missed}
    said |= {"result": again.result, "error": again.error}
    if as_json:
        terminal.print_json(said)
        return exit_codes.FAILED if again.failed else exit_codes.OK
    words, style = ("fails", "red") if again.failed else ("does not fail", "green")
    terminal.show(
        terminal.styled(f"{again.run_id} runs {run.id} under another schedule: {words}", style)
    )
    shown = compact(again.result if again.error is None else again.error)
    terminal.show(terminal.styled(f"  {again.status}  {shortened(shown, _VALUE_MAX)}"))
    if again.missed:
        terminal.show(terminal.styled(f"  unresolved: {visible(again.missed[0])}", "yellow"))
    where = store_words(store)
    terminal.hint(f"agentmesh diff {run.id} {again.run_id}{where}")
    terminal.hint(f"agentmesh replay {again.run_id}{where}")
    return exit_codes.FAILED if again.failed else exit_codes.OK
