"""`fork`: a branch of a recorded run, in which one thing is different.

The branch is a run of its own in the same store, with its parent's id and what was changed. The
parent is only read. What is decided here is where the branch is written and how it is recorded
that it ended; what happens in it is the engine's business.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace as replaced
from pathlib import Path

from msgspec.structs import replace

from agentmesh.causality.references import Named
from agentmesh.counterfactual.amending import codes_in
from agentmesh.counterfactual.answers import FUNCTION, LIVE, STOP, Answering, Answers, StoppedError
from agentmesh.counterfactual.edit import Edit
from agentmesh.counterfactual.edits import Changes, Resolver
from agentmesh.counterfactual.engine import Engine
from agentmesh.counterfactual.known import answered_first
from agentmesh.counterfactual.record import Parent
from agentmesh.counterfactual.report import Report
from agentmesh.effects.prices import recorded
from agentmesh.errors import AgentMeshError, RunFailedError, UsageError, describe
from agentmesh.journal import strings
from agentmesh.journal.branching import link_blobs, seal_branch
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.run_info import CANCELLED, DONE, FAILED, RUNNING, Status
from agentmesh.kernel.envelope import REPLY
from agentmesh.mesh.execution import LOCAL
from agentmesh.mesh.live_branch import Past, check_live, go_on, live_report
from agentmesh.mesh.options import RunOptions, check_run_id, new_run_id
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.replaying import replayer_of
from agentmesh.mesh.runs import open_run
from agentmesh.replay.driver import Replayer

_HOST = "branch"


def fork(
    run: str | Path | RecordedRun,
    *,
    at: Named | None = None,
    edit: Edit | Iterable[Edit] = (),
    policy: str | None = None,
    answers: Answers | None = None,
    known: Sequence[str | Path] = (),
    irreversible: bool = False,
    on: str | None = None,
    store: str | None = None,
    program: str | Path | None = None,
    run_id: str | None = None,
) -> Report:
    """Make a branch of a run: everything is as it was, but for what is changed and what follows.

    Up to where it begins, the branch is a copy. After that, agents run again only if something
    reaches them that is different; all others are copied, too. An effect that is asked for again
    is answered from the record, by its key; only for what is not there the policy counts.

    Args:
        run: The parent: its id or the start of it, its directory, `latest`, or one that is open.
        at: The event at which the branch begins; it is kept, unless it is changed itself. The
            first one that is changed by default.
        edit: What is different: made by `am.edit`.
        policy: What becomes of effects that the parent has no answer for: `stop` ends the branch
            there (the default), `live` performs them, `resample` draws from the parent's answers
            of the same kind and name, `function` asks `answers`.
        answers: Values, errors or functions by the name of the tool; or a function of what is
            asked. Implies the policy `function`.
        known: Further runs whose answers count before the policy: their ids.
        irreversible: Whether effects that are not idempotent may be performed for the branch.
        on: `ray` or `local`: after its first event the branch goes on for real, there, and all
            effects are performed. It is made from the record by default.
        store: Where the parent is, and the branch will be.
        program: The program's file, when it is not where it ran.
        run_id: The branch's id; made from the time by default.

    Returns:
        What was reused and what was not; `run_id` names the branch.

    Raises:
        UsageError: An edit is about something that is not there; the policy needs what is not
            given; an effect can't be taken back, or lacks its key.
        UnknownEventError: There is no such event.
        InvalidMessageError: An edit does not fit the message: names the field.
        DivergenceError: The program is not what it was when the parent was recorded.
    """
    edits = [edit] if isinstance(edit, Edit) else list(edit)
    if run_id is not None:
        check_run_id(run_id)
    if isinstance(run, RecordedRun):
        opened = run
    else:
        opened = open_run(run, store=store)
        opened.program = program
    try:
        _check(opened, at, edits)
        chosen = policy or (FUNCTION if answers is not None else STOP)
        then = Answering(chosen, opened, answers, irreversible=irreversible)
        answering = answered_first(opened.store, known, then)
        branch = _Branch(opened, edits, answering, run_id or new_run_id())
        if on is not None:
            _check_policy(policy)
            return branch.go_live(at, on, irreversible=irreversible)
        return branch.make(at)
    finally:
        if opened is not run:
            opened.close()


def _check(run: RecordedRun, at: Named | None, edits: list[Edit]) -> None:
    if at is None and not edits:
        raise UsageError(
            "A branch needs to know what is different, or where it begins.",
            fix="Name an event and a change: am.fork(run, at='Writer/w1@118', "
            "edit=am.edit.drop()).",
        )
    if run.info.status == RUNNING and run.driver is not None and not run.driver.is_dead:
        raise UsageError(
            f"The run {run.id} goes on: its record is not complete yet.",
            fix="Wait until it has ended, or stop it.",
        )


def _check_policy(policy: str | None) -> None:
    if policy not in (None, LIVE):
        raise UsageError(
            f"The policy is {policy!r}, and a branch that goes on for real performs all effects.",
            fix="Leave out on=, or say policy='live'.",
        )


class _Branch:
    """One branch on its way into the store."""

    def __init__(
        self, run: RecordedRun, edits: list[Edit], answering: Answering, run_id: str
    ) -> None:
        self._run = run
        self._edits = edits
        self._answering = answering
        self._id = run_id
        self._redactor = run.store.redactor_for(run.info)
        self._started = time.perf_counter()

    def _begin(self, at: Named | None) -> tuple[Replayer, Changes, dict[str, int]]:
        """Return what replays the parent, what is different, and the cut."""
        run = self._run
        replayer = replayer_of(run, self._redactor, run.program)
        context = replayer.context
        said = (one.as_json() for one in self._edits)
        code = {**context.code, **codes_in(said, context.program)}
        replayer.context = replaced(context, outside_id=self._id, code=code)
        order = run.order()
        changes = Resolver(run, order, replayer.context.program).resolve(self._edits, at)
        return replayer, changes, order.cut(changes.kept) if changes.kept >= 0 else {}

    def go_live(self, at: Named | None, where: str, *, irreversible: bool) -> Report:
        """Make a branch that goes on for real."""
        run = self._run
        replayer, changes, cut = self._begin(at)
        context = replayer.context
        past = Past(
            ledger=run.ledger(),
            changes=changes,
            cut=cut,
            program=context.program,
            root=context.root,
        )
        check_live(past, where, irreversible=irreversible)
        directory = self._create(changes, where)
        options = RunOptions(store=run.store.location, quiet=True, local=where == LOCAL)
        outcome = go_on(past, directory, self._redactor, options, run.program)
        with run.store.open_run(self._id) as made:
            report = live_report(run, made, cut)
        report.edits = [each for each in made.info.interventions if each.get("branch") == self._id]
        report.location, report.seconds = outcome.location, time.perf_counter() - self._started
        return report

    def make(self, at: Named | None) -> Report:
        run = self._run
        replayer, changes, cut = self._begin(at)
        directory = self._create(changes)
        log = directory.log_writer(_HOST, self._redactor)
        engine = Engine(
            parent=Parent(run.ledger(), cut),
            changes=changes,
            replayer=replayer,
            answering=self._answering,
            journal=log,
            encoder=BodyEncoder(self._redactor),
        )
        stopped = ""
        try:
            engine.run()
        except StoppedError as error:
            stopped = error.what
        except AgentMeshError as error:
            log.close()
            self._seal(engine)
            self._end(directory, FAILED, error=describe(error))
            error.add_note(f"The branch {self._id} has what happened before.")
            raise
        finally:
            engine.close()
            log.close()
        self._finish(directory, engine, stopped)
        return self._report(directory, engine, stopped)

    def _create(self, changes: Changes, where: str = _HOST) -> RunDirectory:
        info = self._run.info
        said = [one.as_json() for one in self._edits]
        for one, name, message in zip(said, changes.names, changes.messages, strict=True):
            one |= {"event": name, "branch": self._id}
            if message:
                one["message"] = message
        own = strings.loads(self._redactor.json(strings.dumps_pretty(said)))
        branch = replace(
            info,
            id=self._id,
            parent=info.id,
            known_as=info.known_as or info.id,
            interventions=[*info.interventions, *own],
            status=RUNNING,
            result=None,
            error=None,
            created_at_ns=0,
            ended_at_ns=0,
            driver=where,
            submission_id="",
        )
        return self._run.store.create_run(branch)

    def _finish(self, directory: RunDirectory, engine: Engine, stopped: str) -> None:
        info, answer = self._run.info, engine.answer
        if stopped:
            error = RunFailedError(
                f"The branch ends where an effect has no answer: {stopped}.",
                fix="Answer it (policy='function'), or perform it (policy='live').",
            )
            self._end(directory, CANCELLED, error=describe(error))
        elif answer is not None and answer.kind == REPLY:
            self._end(directory, DONE, result=answer.payload)
        elif answer is not None:
            self._end(directory, FAILED, error=answer.payload)
        elif engine.answered_at:
            directory.update(
                status=info.status, result=info.result, error=info.error, ended_at_ns=time.time_ns()
            )
        else:
            error = RunFailedError("The branch has come to no end: nothing can happen any more.")
            self._end(directory, FAILED, error=describe(error))
        self._seal(engine)
        if engine.count.moot:
            self._excuse(directory, engine.count.moot)
        directory.clear_leavings()

    def _excuse(self, directory: RunDirectory, moot: list[str]) -> None:
        """Let an audit know which messages could not be delivered, because of what was lost."""
        said = directory.info.interventions
        directory.update(interventions=[*said[:-1], {**said[-1], "moot": moot}] if said else [])

    def _end(
        self, directory: RunDirectory, status: Status, *, result: bytes = b"", error: bytes = b""
    ) -> None:
        def shown(data: bytes) -> object:
            return strings.loads(self._redactor.json(data)) if data else None

        directory.update(
            status=status, result=shown(result), error=shown(error), ended_at_ns=time.time_ns()
        )

    def _seal(self, engine: Engine) -> None:
        """Put together what is the parent's and what is the branch's own."""
        with self._run.store.open_run(self._id) as made:
            link_blobs(self._run, made)
            seal_branch(self._run, made, engine.kept)

    def _report(self, directory: RunDirectory, engine: Engine, stopped: str) -> Report:
        count, info = engine.count, directory.info
        saved = engine.saved()
        kept = engine.common
        executed = sum(count.cone.values())
        return Report(
            parent=self._run.id,
            run_id=self._id,
            location=directory.path,
            edits=[each for each in info.interventions if each.get("branch") == self._id],
            policy=self._answering.policy,
            status=info.status,
            result=info.result,
            error=info.error,
            parent_result=self._run.info.result,
            kept=kept,
            reused=engine.events - kept - executed,
            executed=executed,
            cone=count.cone,
            agents=engine.agents,
            effects_reused=saved.events,
            effects_edited=count.effects_edited,
            effects_issued=count.effects_issued,
            tokens_saved=saved.input_tokens + saved.output_tokens,
            usd_saved=recorded(info.prices).total(saved.usage).usd,
            usd_spent=recorded(info.prices).total(count.spent.usage).usd,
            seconds_saved=saved.seconds,
            tokens_spent=count.spent.input_tokens + count.spent.output_tokens,
            reconverged=count.reconverged,
            unchanged=engine.unchanged,
            stopped=stopped or count.unanswered,
            seconds=time.perf_counter() - self._started,
        )
