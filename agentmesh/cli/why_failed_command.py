"""`agentmesh why-failed`: what a run failed because of, how sure that is, and what averts it."""

import shlex
from dataclasses import dataclass

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.run_command import store_words
from agentmesh.cli.wording import counted, shortened, took, visible
from agentmesh.counterfactual.blaming import Blame
from agentmesh.counterfactual.repairs import Repair
from agentmesh.counterfactual.suspects import Suspect
from agentmesh.mesh.attributing import Attribution
from agentmesh.mesh.finding import attribute
from agentmesh.mesh.runs import open_run

_BLAMES_MAX = 12
_AGENTS_MAX = 6
_WHAT_MAX = 100
_COMMAND_MAX = 400


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    failed: str | None
    passing: list[str]
    policy: str
    irreversible: bool
    samples: int
    calls: int
    seconds: float
    program: str | None


def why_failed(name: str, wanted: Wanted, *, store: str | None, as_json: bool) -> int:
    """Say what a run failed because of; return the exit code: 1 if that was not found."""
    with open_run(name, store=store) as run:
        hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
        with terminal.quiet_output(), terminal.working(f"trying changes of {run.id}") as update:
            found = attribute(
                run,
                wanted.failed,
                passing=wanted.passing,
                policy=wanted.policy,
                irreversible=wanted.irreversible,
                samples=wanted.samples,
                calls=wanted.calls,
                seconds=wanted.seconds,
                program=wanted.program,
                on_progress=update,
            )
    if as_json:
        said = {"run": found.run_id, "question": found.question}
        terminal.print_json({**said, **found.as_json()})
    else:
        _show(found, wanted, store)
    return exit_codes.OK if found.blames else exit_codes.FAILED


def _show(found: Attribution, wanted: Wanted, store: str | None) -> None:
    headline = f"{found.run_id}  failed: {visible(found.question)}"
    terminal.show(terminal.styled(headline, "bold"))
    said = (
        f"  {counted(found.suspects, 'thing')} could have been otherwise, in {found.events:,} of "
    )
    said += f"{counted(found.total, 'event')} that can have led to it"
    terminal.show(terminal.styled(said, "dim"))
    if found.blames:
        _show_blames(found)
        _show_rest(found, wanted, store)
    else:
        terminal.show(terminal.styled("\nNothing that was tried averts it.", "yellow"))
        terminal.show(terminal.styled(_why_nothing(found)))
    spent = found.spent
    tried = f"{counted(spent.trials, 'trial')}, {counted(spent.calls, 'call')}"
    unresolved = f", {spent.unresolved:,} unresolved" if spent.unresolved else ""
    terminal.show(terminal.styled(f"  tried     {tried}{unresolved}, {took(found.seconds)}", "dim"))
    if not found.complete:
        part = f"{found.verdict.screened:,} of {found.suspects:,} were tried"
        more = f"  stopped   the budget is spent: {part}. --calls and --seconds allow more"
        terminal.show(terminal.styled(more, "yellow"))


def _show_blames(found: Attribution) -> None:
    table = terminal.table("to blame", "class", "fails less by", "between", "what", cut=["what"])
    for blame in found.blames[:_BLAMES_MAX]:
        one = blame.suspect
        table.add_row(
            visible(one.event),
            one.kind,
            _effect(blame),
            _between(blame),
            terminal.one_line(visible(shortened(one.what, _WHAT_MAX))),
        )
    terminal.show(table)
    more = len(found.blames) - _BLAMES_MAX
    if more > 0:
        terminal.show(terminal.styled(f"  and {more:,} more: --json", "dim"))


def _effect(blame: Blame) -> str:
    if blame.by_others:
        return f"with {counted(blame.by_others, 'other')}"
    share = "" if blame.share is None else f", share {blame.share.value:.2f}"
    return f"{100 * blame.effect:.0f} %{share}"


def _between(blame: Blame) -> str:
    if blame.exact:
        return "exact"
    if blame.by_others:
        share = blame.share
        return "" if share is None else f"share {share.value:.2f}"
    unsure = "" if blame.decided else ", undecided"
    return f"{100 * blame.low:.0f} to {100 * blame.high:.0f} % in {blame.samples}{unsure}"


def _show_rest(found: Attribution, wanted: Wanted, store: str | None) -> None:
    verdict = found.verdict
    agents = ", ".join(
        f"{visible(agent)} {weight:.2f}"
        for agent, weight in list(found.agents.items())[:_AGENTS_MAX]
    )
    rows = [("agents", agents), ("at fault", _all(verdict.flipping))]
    if verdict.enough:
        rows.append(("repro", f"{_all(verdict.enough)}: fails whatever else is otherwise"))
    if verdict.commitment is not None:
        last = visible(verdict.commitment.event)
        rows.append(("committed", f"after {last}: what is asked for again later averts nothing"))
    if found.repair is not None:
        rows.append(("repair", _repaired(found.repair)))
    for name, text in rows:
        terminal.show(terminal.styled(f"  {name:10}{text}"))
    if found.repair is not None and found.repair.options:
        words = shlex.join(["agentmesh", "fork", found.run_id, *found.repair.options])
        words += f"{store_words(store)}{_more_words(found.repair, wanted)}"
        if len(words) <= _COMMAND_MAX:
            terminal.show(terminal.styled(words))
        elif found.path is not None:
            terminal.show(terminal.styled(f"            how to make it: {found.path}"))


def _more_words(repair: Repair, wanted: Wanted) -> str:
    """Return what makes `agentmesh fork` answer what else is asked for then."""
    if not repair.needs_answers:
        return ""
    policy = f" --policy {wanted.policy}" if wanted.policy != "stop" else ""
    return policy + "".join(f" --known {shlex.quote(each)}" for each in wanted.passing)


def _all(suspects: list[Suspect]) -> str:
    return ", ".join(visible(each.event) for each in suspects)


def _repaired(repair: Repair) -> str:
    if repair.exact:
        return "verified: the branch does not fail"
    if not repair.tried:
        return "not verified: nobody has an answer to what it asks for"
    sure = f"at least {100 * repair.at_least:.0f} % with 95 % confidence"
    word = "verified: " if repair.verified else ""
    return f"{word}averts it in {repair.passed} of {repair.tried} branches, {sure}"


def _why_nothing(found: Attribution) -> str:
    if found.spent.unresolved:
        return (
            "  Usually because nobody has an answer to what would be asked for then: name runs "
            "that went well (--passing RUN), or let it be asked for (--policy live)."
        )
    return "  Usually the program fails whatever it is told: its code, or its input."
