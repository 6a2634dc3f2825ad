"""`agentmesh fork`: a branch of a run, and what making it came to."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.wording import compact, counted, shortened, visible
from agentmesh.counterfactual.edit import Edit
from agentmesh.counterfactual.report import Report
from agentmesh.mesh.forking import fork as make
from agentmesh.mesh.runs import open_run

_VALUE_MAX = 300
_AGENTS_MAX = 6


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    at: str | None
    edits: list[Edit]
    policy: str | None
    on: str | None = None
    known: list[str]
    irreversible: bool
    program: str | None
    run_id: str | None


def fork(name: str, wanted: Wanted, *, store: str | None, as_json: bool) -> int:
    """Make a branch and say what it came to; return the exit code."""
    with open_run(name, store=store) as run:
        hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
        run.program = wanted.program
        with terminal.quiet_output(), terminal.working(f"branching {run.id}"):
            report = make(
                run,
                at=wanted.at,
                edit=wanted.edits,
                policy=wanted.policy,
                known=wanted.known,
                irreversible=wanted.irreversible,
                on=wanted.on,
                run_id=wanted.run_id,
            )
    if as_json:
        terminal.print_json(report.as_json())
    else:
        for line in lines(report):
            terminal.show(terminal.styled(line))
    return exit_codes.FAILED if report.stopped else exit_codes.OK


def lines(report: Report) -> list[str]:
    """Return what is said of a branch."""
    kept = f"{report.kept:,} kept, {report.reused:,} reused, {report.executed:,} run again"
    said = [
        f"{report.run_id} branches off {report.parent}: {report.status}",
        f"  events    {kept}{_where(report)}",
        f"  effects   {_effects(report)}",
        f"  saved     {_saved(report)}",
    ]
    if report.reconverged:
        back = ", ".join(visible(each) for each in report.reconverged[:_AGENTS_MAX])
        more = len(report.reconverged) - _AGENTS_MAX
        said.append(f"  as before {back}{f' and {more:,} more' if more > 0 else ''}")
    if report.unchanged:
        said.append(f"  old code  {', '.join(map(visible, report.unchanged))}: always a turn open")
    said.extend(_end(report))
    said.append(f"agentmesh diff {report.parent} {report.run_id}")
    return said


def _where(report: Report) -> str:
    ran = sorted(report.cone.items(), key=lambda one: (-one[1], one[0]))
    if not ran:
        return ""
    named = ", ".join(f"{visible(one)} {count:,}" for one, count in ran[:_AGENTS_MAX])
    more = f", and {len(ran) - _AGENTS_MAX:,} more" if len(ran) > _AGENTS_MAX else ""
    return f" by {counted(len(ran), 'agent')} of {report.agents:,}: {named}{more}"


def _effects(report: Report) -> str:
    said = [f"{report.effects_reused:,} reused"]
    if report.effects_edited:
        said.append(f"{report.effects_edited:,} changed")
    issued = Counter(report.effects_issued)
    named = ", ".join(f"{visible(what)}{f' x{n}' if n > 1 else ''}" for what, n in issued.items())
    said.append(f"{len(report.effects_issued):,} issued anew{f': {named}' if named else ''}")
    return ", ".join(said)


def _saved(report: Report) -> str:
    tokens = f"{report.tokens_saved:,} tokens{_usd(report.usd_saved)}, "
    tokens = tokens if report.tokens_saved else ""
    spent = f"; {report.tokens_spent:,} tokens{_usd(report.usd_spent)} spent"
    spent = spent if report.tokens_spent else ""
    return f"{tokens}{report.seconds_saved:.2f} s of effects{spent}; made in {report.seconds:.2f} s"


def _usd(usd: float | None) -> str:
    return "" if usd is None else f" (${usd:,.4f})"


def _end(report: Report) -> list[str]:
    if report.stopped:
        return [
            f"  stopped   {visible(report.stopped)}: the parent has no answer.",
            "            Perform it (--policy live), say what it is (--result), or name a run",
            "            that was told (--known RUN).",
        ]
    if report.status == "done" and not report.changed:
        return [f"  result    the same: {_short(report.result)}"]
    if report.status == "done":
        return [
            f"  result    {_short(report.result)}",
            f"  parent's  {_short(report.parent_result)}",
        ]
    what = report.error.get("what", "") if isinstance(report.error, dict) else ""
    return [f"  error     {visible(shortened(str(what), _VALUE_MAX))}"]


def _short(value: Any) -> str:
    return visible(shortened(compact(value), _VALUE_MAX))
