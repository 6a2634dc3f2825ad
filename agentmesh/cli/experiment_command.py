"""`agentmesh experiment`: run the experiment that a file describes, and say what came of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.experiment_plot import svg
from agentmesh.cli.run_command import store_words
from agentmesh.cli.target import import_program
from agentmesh.cli.wording import counted, dollars, shortened, took, visible
from agentmesh.errors import UsageError
from agentmesh.mesh.experiment.planning import Experiment, with_options
from agentmesh.mesh.experiment.report import ArmReport, Compared, ExperimentReport

_ERROR_MAX = 200
_STYLES = {"better": "green", "worse": "red", "equivalent": "cyan", "futile": "yellow"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    samples: int | None = None
    usd: float | None = None
    seconds: float | None = None
    processes: int | None = None
    seed: str | None = None
    plot: str | None = None
    sample: str | None = None


def experiment(target: str, wanted: Wanted, *, store: str | None, as_json: bool) -> int:
    """Run an experiment; the exit code is 0 if every arm is decided, else 1."""
    if wanted.plot is not None and not wanted.plot.endswith(".svg"):
        raise UsageError(
            f"A picture of an experiment is SVG, and --plot says {wanted.plot!r}.",
            fix="Write --plot experiment.svg; browsers show it, and tools such as rsvg-convert "
            "make a PNG of it.",
        )
    hash_seed.settle()
    with terminal.quiet_output():
        plan = with_options(
            load_experiment(target),
            samples=wanted.samples,
            usd=wanted.usd,
            seconds=wanted.seconds,
            processes=wanted.processes,
            seed=wanted.seed,
            store=store,
        )
    if wanted.sample is not None:
        return _keep(plan, wanted.sample, store=store, as_json=as_json)
    names = ", ".join(plan.arms)
    with terminal.quiet_output(), terminal.working(f"comparing {names}") as update:
        report = plan.run(lambda known: update(progress(known)))
    if wanted.plot is not None:
        Path(wanted.plot).write_text(svg(report), encoding="utf-8")
    if as_json:
        terminal.print_json(report.as_json())
    else:
        show(report)
        _hints(report, target, wanted)
    return exit_codes.OK if report.decided else exit_codes.FAILED


def load_experiment(target: str) -> Experiment:
    """Import a file and return the experiment it describes.

    Args:
        target: `spec.py`, `spec.py:name`, or a module likewise.

    Raises:
        UsageError: It can't be imported, has no experiment, or several.
    """
    place, _, name = target.partition(":")
    module = import_program(place)
    found = {key: each for key, each in vars(module).items() if isinstance(each, Experiment)}
    if name in found:
        return found[name]
    if name or len(found) != 1:
        there = f"has {', '.join(found)}" if found else "has none"
        raise UsageError(
            f"{place} has no experiment {name!r}." if name else f"{place} {there}.",
            cause="An experiment is a variable of the module: `tellers = am.Experiment(...)`.",
            fix=f"Name one: {place}:{next(iter(found))}" if found else "Add one.",
        )
    return next(iter(found.values()))


def _keep(plan: Experiment, named: str, *, store: str | None, as_json: bool) -> int:
    arm, colon, number = named.rpartition(":")
    if not colon or not number.isdecimal():
        raise UsageError(f"--sample {named!r} names no sample.", fix="Write --sample ARM:17.")
    with terminal.quiet_output():
        run_id = plan.keep_sample(arm, int(number))
    if as_json:
        terminal.print_json({"run": run_id, "arm": arm, "sample": int(number)})
    else:
        terminal.show(terminal.styled(f"Sample {number} of {arm} is the run {run_id}."))
        terminal.hint(f"agentmesh show {run_id}{store_words(store)}")
    return exit_codes.OK


def progress(report: ExperimentReport) -> str:
    """Return how far an experiment has come, in a few words."""
    said = []
    for one in report.arms:
        if one.comparison is not None and one.name != report.control:
            c = one.comparison
            decided = "" if c.verdict == "undecided" else f" {c.verdict}"
            said.append(f"{one.name} {c.difference:+.2f} [{c.low:+.2f}, {c.high:+.2f}]{decided}")
    return f"{counted(report.samples, 'sample')}; {'; '.join(said)}"


def show(report: ExperimentReport) -> None:
    """Print what came of an experiment."""
    heading = f"{report.name or report.of}: {_how(report)}"
    terminal.show(terminal.styled(visible(heading), "bold"), terminal.styled(""))
    terminal.show(_arms(report), terminal.styled(""), _comparisons(report), terminal.styled(""))
    for line in [*_notes(report), *report.claims()]:
        terminal.show(terminal.styled(visible(line)))


def _how(report: ExperimentReport) -> str:
    where = {"world": "in worlds", "live": "live", "branch": "in branches"}[report.how]
    shared = "paired by shared chance" if report.paired else "each arm with chance of its own"
    count = counted(report.samples, "sample")
    spent = "" if not report.usd else f", {dollars(report.usd)}"
    return f"{count} of each arm at most, {where}, {shared}; {took(report.seconds)}{spent}"


def _arms(report: ExperimentReport) -> Any:
    numbers = ["samples", "score", "interval", "failed", "cost", "time"]
    made = terminal.table("arm", *numbers, "", right=numbers)
    for one in report.arms:
        made.add_row(
            visible(one.name),
            f"{one.samples:,}",
            f"{one.mean:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            terminal.styled(f"{one.failed:,}" if one.failed else "", "red"),
            "unknown" if one.usd is None else dollars(one.usd),
            took(one.seconds),
            visible(_remark(one, report)),
        )
    return made


def _remark(one: ArmReport, report: ExperimentReport) -> str:
    if one.name == report.baseline:
        role = "baseline"
    elif one.name == report.control:
        role = "the baseline under other chance"
    else:
        role = ""
    worse = f"dominated by {one.dominated_by} so far" if one.dominated_by else ""
    return "; ".join(part for part in (role, worse) if part)


def _comparisons(report: ExperimentReport) -> Any:
    numbers = ["difference", "interval", "evidence", "won", "lost", "pairs"]
    made = terminal.table(
        f"against {visible(report.baseline)}", *numbers, "verdict", "because", right=numbers
    )
    for one in report.arms:
        found = one.comparison
        if found is None:
            continue
        verdict, because = str(found.verdict), found.rule
        if one.name == report.control:
            verdict, because = "noise", f"{(report.noise or 0):.0%} of its scores differ"
        made.add_row(
            visible(one.name),
            f"{found.difference:+.3f}",
            f"{found.low:+.3f} to {found.high:+.3f}",
            _evidence(found),
            f"{found.wins:,}",
            f"{found.losses:,}",
            f"{found.pairs:,}",
            terminal.styled(verdict, _STYLES.get(verdict, "")),
            visible(because),
        )
    return made


def _evidence(found: Compared) -> str:
    if found.log_e_value > math.log(1e6):
        return "> 1,000,000"
    return f"{found.e_value:,.1f}" if found.e_value >= 1 else f"{found.e_value:.2f}"


def _notes(report: ExperimentReport) -> list[str]:
    said = [f"It stopped because {report.stopped}."]
    if report.margin is not None:
        said.append(f"A difference of no more than {report.margin:g} was said not to matter.")
    for one in report.arms:
        if one.error:
            said.append(f"{one.name} failed first with: {shortened(one.error, _ERROR_MAX)}")
        found = one.comparison
        if found is None or one.name == report.control:
            continue
        if found.pairs and found.same == found.pairs:
            said.append(
                f"{one.name} came to just what {report.baseline} came to, all {found.pairs} times: "
                "perhaps nothing of it takes effect."
            )
        more = [
            word
            for shown, word in (
                (found.cheaper == -1, "is cheaper"),
                (found.cheaper == 1, "costs more"),
                (found.quicker == -1, "is quicker"),
                (found.quicker == 1, "takes longer"),
            )
            if shown
        ]
        if more:
            said.append(f"{one.name} {' and '.join(more)} more often than not; that is shown, too.")
    return said


def _hints(report: ExperimentReport, target: str, wanted: Wanted) -> None:
    lowest = next((one for one in report.arms if one.worst is not None), None)
    if lowest is not None and report.how == "world":
        arm = f"'{lowest.name}:{lowest.worst}'"
        terminal.hint(f"\nagentmesh experiment {target} --sample {arm}")
    if lowest is not None and report.how == "live" and lowest.runs:
        terminal.hint(f"\nagentmesh show {lowest.runs[0]}")
    if report.path:
        terminal.hint(f"written to {report.path}")
    if wanted.plot:
        terminal.hint(f"drawn in {wanted.plot}")
