"""Samples that are branches of a recorded run: chance is drawn anew, and the arm's edits are made.

From an event on, what models are asked is asked again in every sample and in every arm, the
baseline included: the recorded run is one sample, and often one that was chosen because it had
failed. What they answer is drawn from the record (`Redrawn`), or comes from what the user gives, or
from the models themselves. Branches are not kept, and nothing but their cone is run.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentmesh.causality.order import RunOrder
from agentmesh.causality.references import Named
from agentmesh.causality.usage import Usage, add_usage, model_in
from agentmesh.counterfactual import edit
from agentmesh.counterfactual.amending import codes_in
from agentmesh.counterfactual.answers import FUNCTION, LIVE, STOP, Answering
from agentmesh.counterfactual.edit import Edit, Insert, Model
from agentmesh.counterfactual.known import Known, KnownFirst
from agentmesh.counterfactual.record import Ledger
from agentmesh.counterfactual.trials import Trials
from agentmesh.effects.prices import Prices, recorded
from agentmesh.errors import UsageError
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import agent_type_of
from agentmesh.kernel.events import EffectFailed, EffectFinished
from agentmesh.mesh.experiment.arms import Arm, Effects, Sample
from agentmesh.mesh.replaying import replayer_of
from agentmesh.simulation.sources import Asked, Outcome, ends

RESAMPLE = "resample"
MODELS, ALL, NOTHING = "models", "all", ""
AGAIN = (MODELS, ALL, NOTHING)
_HTTP = "http"
_ENOUGH = 2
"""Answers to the same request from which on one of them is drawn."""


@dataclass(kw_only=True)
class InBranches:
    """Makes each sample as a branch of one run."""

    path: str
    """Of the run's directory, or its id."""
    location: str
    """Of its store."""
    program: str | Path | None = None
    at: Named | None = None
    again: str = MODELS
    """What is asked again: `models`, `all`, or nothing."""
    policy: str = RESAMPLE
    effects: Effects = None
    known: Sequence[str | Path] = ()
    irreversible: bool = False
    how: str = "branch"
    _bench: "_Bench | None" = field(default=None, init=False)

    def make(self, arm: Arm, sample: Sample) -> None:
        """Make a branch and look what became of it.

        Raises:
            UsageError: An effect has no answer; an edit is about something that is not there.
        """
        if self._bench is None or self._bench.process != os.getpid():
            self._bench = _Bench(self)  # a process of its own opens the run for itself
        self._bench.make(arm, sample)


class _Bench:
    """What one process keeps between two samples."""

    def __init__(self, how: InBranches) -> None:
        self.process = os.getpid()
        self._how = how
        store = Store(how.location)
        run = self._run = store.open_run(how.path)
        ledger = Ledger(run, RunOrder.of(run))
        redactor = store.redactor_for(run.info)
        replayer = self._replayer = replayer_of(run, redactor, how.program)
        further = [store.open_run(each) for each in how.known]
        self._pool = _Pool([run, *further])
        self._nothing = Known([])
        stop = Answering(STOP, run, None, irreversible=False)
        first = KnownFirst(self._nothing, stop)
        self._trials = Trials(run, ledger, replayer, BodyEncoder(redactor), first)
        self._again = list(self._asked_again(ledger.order))
        self._prices = recorded(run.info.prices)
        self._addresses = run.addresses()

    def _asked_again(self, order: RunOrder) -> Iterator[Edit]:
        """Yield an edit for each effect after the beginning that is to be asked again."""
        how, begin = self._how, -1
        if how.at is not None:
            begin = order.find(how.at).number
        if how.again == NOTHING:
            return
        for address in self._run.addresses():
            begun: dict[tuple[int, int], StartEffect] = {}
            for step in self._run.steps(address, resolve=False):
                event = step.event
                if isinstance(event, EffectFinished | EffectFailed):
                    command = begun.get((event.turn, event.n))
                    there = order.find((address, step.number))
                    if command is not None and there.number > begin and self._is_meant(command):
                        yield edit.ask_again((address, step.number))
                for issued in step.commands:
                    if isinstance(issued, StartEffect):
                        begun[issued.turn, issued.n] = issued

    def _is_meant(self, command: StartEffect) -> bool:
        if self._how.again == ALL:
            return command.idempotent or self._how.irreversible
        return command.kind == _HTTP and bool(model_in(self._run.resolve(command).request))

    def make(self, arm: Arm, sample: Sample) -> None:
        answers = self._answers(arm, sample.seed)
        context = self._replayer.context
        code = codes_in((each.as_json() for each in arm.edits), context.program)
        if not code.keys() <= context.code.keys():
            self._replayer.context = replace(context, code={**context.code, **code})
        edits = [*self._again, *arm.edits]
        late = any(isinstance(each, Model | Insert) for each in arm.edits)
        at = (self._how.at if self._how.at is not None else 0) if late else None
        try:
            trial = self._trials.make(edits, at=at, answers=answers)
        finally:
            answers.close()
        missing = trial.stopped or trial.unanswered
        if missing:
            raise UsageError(
                f"Sample {sample.number} of arm {sample.arm!r} ends where an answer is missing: "
                f"{missing}.",
                cause="Nothing on record answers it; a sample left out would make the rest wrong.",
                fix="Give answers (effects=...), further runs to draw from (known=[...]), or ask "
                "for real (policy='live').",
            )
        sample.status, sample.result, sample.error = trial.status, trial.result, trial.error
        sample.usd, sample.calls = answers.cost(self._prices)
        sample.addresses = self._addresses
        sample.states = lambda where: self._trials.last_state(trial, where)

    def _answers(self, arm: Arm, seed: str) -> "Redrawn":
        how = self._how
        effects = arm.effects if arm.effects is not None else how.effects
        if callable(effects) and not hasattr(effects, "answer"):
            effects = effects(seed)
        if effects is not None:
            then = Answering(FUNCTION, self._run, effects, irreversible=how.irreversible)
        else:
            policy = LIVE if how.policy == LIVE else STOP
            then = Answering(policy, self._run, None, irreversible=how.irreversible)
        drawn = how.policy == RESAMPLE and effects is None
        return Redrawn(self._nothing, then, seed, self._pool if drawn else None)


class Redrawn(KnownFirst):
    """Answers under the chance of one sample, and notes what they used.

    Args:
        known: What is looked at first.
        then: What is asked for what is not on record.
        seed: Of the sample.
        pool: What is on record, to draw from; None: nothing is drawn.
    """

    def __init__(self, known: Known, then: Answering, seed: str, pool: "_Pool | None") -> None:
        super().__init__(known, then)
        self._seed = seed
        self._pool = pool
        self._usage: dict[str, Usage] = {}

    def answer(self, asked: Asked) -> Outcome:
        """Return how an effect ends in this sample."""
        drawn = replace(asked, seed=self._seed)
        outcome = self._pool.draw(drawn) if self._pool is not None else None
        if outcome is None:
            outcome = super().answer(drawn)
        add_usage(self._usage, outcome.result, lambda: asked.command.request)
        return outcome

    def cost(self, prices: Prices) -> tuple[float | None, int]:
        """Return what was asked anew cost, in US dollars, and how many model calls that were."""
        return prices.total(self._usage).usd, sum(used.calls for used in self._usage.values())


class _Pool:
    """What effects came to in runs, to draw from.

    Of the answers to the same request one is drawn, if there are several. Else of those to
    requests of the same form: by agents of the same type, to the same model, with the same
    instructions and the same schema.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._same: dict[tuple[str, ...], list[Outcome]] = {}
        self._alike: dict[tuple[str, ...], list[Outcome]] = {}
        for run in runs:
            for address in run.addresses():
                for command, known in ends(run.steps(address)):
                    full = run.resolve(command)
                    same, alike = _keys(address, full)
                    self._same.setdefault(same, []).append(known.outcome)
                    self._alike.setdefault(alike, []).append(known.outcome)

    def draw(self, asked: Asked) -> Outcome | None:
        """Draw an answer; None if there is none of its form."""
        same, alike = _keys(asked.address, asked.command)
        among = self._same.get(same, [])
        if len(among) < _ENOUGH:
            among = self._alike.get(alike, among)
        return asked.generator().choice(among) if among else None


def _keys(address: str, command: StartEffect) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kind = (command.kind, command.name)
    return (*kind, command.request.hex()), (*kind, agent_type_of(address), _form(command.request))


def _form(request: bytes) -> str:
    """Return what requests have in common that ask for the same sort of answer."""
    try:
        value: Any = json.loads(request)
    except ValueError:
        return ""
    body = value.get("json") if isinstance(value, dict) else None
    if not isinstance(body, dict) or "model" not in body:
        return ""  # of tools: their name says it
    messages = body.get("messages") or body.get("input") or []
    said = [
        each.get("content")
        for each in (messages if isinstance(messages, list) else [])
        if isinstance(each, dict) and each.get("role") in ("system", "developer")
    ]
    fixed = {name: body.get(name) for name in ("model", "instructions", "response_format", "tools")}
    return json.dumps([said, fixed], sort_keys=True, default=str)
