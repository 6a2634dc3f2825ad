"""Effects that were under way at the crash: done again under the same key, or never twice."""

from pathlib import Path

import agentmesh as am
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import StartEffect
from agentmesh.mesh.auditing import audit_run
from agentmesh.mesh.execution import Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import plan_for
from agentmesh.sdk.workflow import workflow_type_of
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import logs_of, resumed

PAID: list[tuple[str, int]] = []
"""Payments of this process: idempotency key and amount."""


class Order(am.Message):
    amount: int


@am.tool(idempotent=False)
async def pay(amount: int) -> str:
    """Move money: a second time would be wrong."""
    PAID.append((am.idempotency_key(), amount))
    return f"paid {amount}"


@am.tool
async def note(amount: int) -> str:
    """Do something that may be done again."""
    PAID.append((am.idempotency_key(), -amount))
    return f"noted {amount}"


@am.agent
class Till:
    unknown: int = 0

    @am.handler
    async def settle(self, order: Order) -> str:
        """Pay, and tell what became of it."""
        try:
            paid = await pay(order.amount)
        except am.OutcomeUnknownError as error:
            self.unknown += 1
            paid = f"unknown {self.unknown}: {error.fields['name']}"
        return f"{paid}, {await note(order.amount)}"


@am.workflow(deadline="2m")
async def shop(order: Order) -> str:
    """Settle one order."""
    return await am.ref(Till, "one").settle(order)


def record(store: Path) -> Path:
    """Run the workflow, and leave its journal as a crash at its end would."""
    options = RunOptions(local=True, store=str(store), run_id="whole", quiet=True)
    workflow = workflow_type_of(shop)
    Execution(plan_for(workflow, Order(amount=7), options), workflow, options).drive()
    return store / "whole"


def effects_of(run: Run) -> list[StartEffect]:
    """Return the effects that a run has started, as far as its journal says."""
    return [
        command
        for address in run.addresses()
        for step in run.steps(address)
        for command in step.commands
        if isinstance(command, StartEffect)
    ]


def test_what_must_not_be_done_twice_is_not_done_again(tmp_path: Path) -> None:
    """The journal ends anywhere; the handler is told that the outcome is unknown."""
    PAID.clear()
    run = record(tmp_path / "recorded")
    whole = list(PAID)
    assert [amount for _, amount in whole] == [7, -7]
    log = logs_of(run)[-1]
    records = records_of(log)
    results: dict[str, list[int]] = {}
    for count in range(len(records) + 1):
        cut = tmp_path / "cut" / "whole"
        cut_copy(run, cut, log.name, records[:count])
        with Store(cut.parent).open_run("whole") as opened:
            started = {effect.name for effect in effects_of(opened)}
        PAID.clear()
        outcome = resumed(cut)

        assert outcome.error is None, count
        results.setdefault(str(outcome.value), []).append(count)
        assert set(PAID) <= set(whole), count
        # Not on record as started: then nobody has begun, and it is done for the first time.
        assert (whole[0] in PAID) == ("pay" not in started), count
        assert audit_run("whole", store=str(cut.parent)).clean, count
    assert set(results) == {"paid 7, noted 7", "unknown 1: pay, noted 7"}
    assert len(results["unknown 1: pay, noted 7"]) == 1


def test_the_error_says_what_to_do(tmp_path: Path) -> None:
    """With the call, its key, and the two ways out."""
    run = record(tmp_path / "recorded")
    log = logs_of(run)[-1]
    records = records_of(log)
    cut = tmp_path / "cut" / "whole"
    for count in range(len(records)):
        cut_copy(run, cut, log.name, records[:count])
        outcome = resumed(cut)
        if "unknown" in str(outcome.value):
            break
    with Store(cut.parent).open_run("whole") as opened:
        (failed,) = opened.sql("SELECT error FROM events WHERE kind = 'failed'").to_pylist()

    assert "pay(amount=7) was under way when its host died" in failed["error"]
    assert "idempotent=False" in failed["error"]
    assert "am.idempotency_key()" in failed["error"]
