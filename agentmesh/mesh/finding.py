"""The front doors of what is found out about a run: its races, and what to blame."""

from collections.abc import Sequence
from pathlib import Path

from agentmesh.counterfactual.answers import Answers
from agentmesh.mesh.attributing import (
    ALPHA,
    CALLS,
    SAMPLES,
    SECONDS,
    Attribution,
    find_attribution,
)
from agentmesh.mesh.failing import Failed
from agentmesh.mesh.racing import LIMIT, Progress, Races, Subject, find_races
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run


def races(
    run: str | Path | RecordedRun,
    *,
    failed: Failed | None = None,
    limit: int = LIMIT,
    seconds: float | None = None,
    agents: Sequence[str] = (),
    policy: str | None = None,
    answers: Answers | None = None,
    known: Sequence[str | Path] = (),
    irreversible: bool = False,
    processes: int = 1,
    store: str | None = None,
    program: str | Path | None = None,
    keep: bool = True,
    on_progress: Progress | None = None,
) -> Races:
    """Find the races of a run, flip them, and say what would have been.

    Args:
        run: Its id or the start of it, its directory, `latest`, or one that is open.
        failed: What it means to have failed: an expression (`"result.left < 0"`), a function of an
            `Ending`, or where one is (`checks.py:oversold`). By default: the workflow raised.
        limit: How many pairs are flipped; of each sort of pair some, if there are more.
        seconds: Flip no more after so long.
        agents: Only races at these: addresses or types.
        policy: What becomes of effects that the run has no answer for, as for `fork`.
        answers: For the policy `function`.
        known: Further runs whose answers count, too: their ids.
        irreversible: Whether effects that are not idempotent may be performed.
        processes: How many, at most, once it takes longer than a moment.
        store: Where the run is.
        program: The program's file, when it is not where it ran.
        keep: Whether to write down what was found beside the run.
        on_progress: Called now and then.

    Raises:
        UsageError: The run still goes on; `failed` can't be understood.
        DivergenceError: The program is not what it was when the run was recorded.
    """
    opened = run if isinstance(run, RecordedRun) else open_run(run, store=store)
    try:
        return find_races(
            subject_of(opened, program),
            failed=failed,
            limit=limit,
            seconds=seconds,
            agents=agents,
            policy=policy,
            answers=answers,
            known=known,
            irreversible=irreversible,
            processes=processes,
            keep=keep,
            on_progress=on_progress,
        )
    finally:
        if opened is not run:
            opened.close()


def attribute(
    run: str | Path | RecordedRun,
    failed: Failed | None = None,
    *,
    passing: Sequence[str | Path] = (),
    policy: str | None = None,
    answers: Answers | None = None,
    irreversible: bool = False,
    samples: int = SAMPLES,
    calls: int = CALLS,
    seconds: float = SECONDS,
    alpha: float = ALPHA,
    store: str | None = None,
    program: str | Path | None = None,
    keep: bool = True,
    on_progress: Progress | None = None,
) -> Attribution:
    """Find what a run failed because of, by trying what else could have been.

    Everything in the causal past of the end that could have been otherwise is tried: what effects
    came to, which of two racing deliveries came first, what a timer overtook. Answers come from
    the run itself, then from `passing` runs, then by the policy.

    Args:
        run: Its id or the start of it, its directory, `latest`, or one that is open.
        failed: What it means to have failed: see `races`.
        passing: Runs in which all went well: what they were told is tried first.
        policy: What becomes of effects that no run has an answer for, as for `fork`. With `stop`,
            the default, only what is on record can be tried.
        answers: For the policy `function`.
        irreversible: Whether effects that are not idempotent may be performed.
        samples: How often one suspect is tried, at most.
        calls: Effects that the policy may be asked for, altogether.
        seconds: Look no longer.
        alpha: How often an interval may miss.
        store: Where the run is.
        program: The program's file, when it is not where it ran.
        keep: Whether to write down what was found beside the run.
        on_progress: Called now and then.

    Returns:
        An ambiguity set with effect sizes, a repair that was tried, and what it cost.

    Raises:
        UsageError: The run has not failed, or still goes on; `failed` can't be understood.
        DivergenceError: The program is not what it was when the run was recorded.
    """
    opened = run if isinstance(run, RecordedRun) else open_run(run, store=store)
    try:
        return find_attribution(
            subject_of(opened, program),
            failed=failed,
            passing=passing,
            policy=policy,
            answers=answers,
            irreversible=irreversible,
            samples=samples,
            calls=calls,
            seconds=seconds,
            alpha=alpha,
            keep=keep,
            on_progress=on_progress,
        )
    finally:
        if opened is not run:
            opened.close()


def subject_of(run: RecordedRun, program: str | Path | None = None) -> Subject:
    """Return a run as what branches are made of."""
    return Subject(run, run.ledger(), run.store, program or run.program)
