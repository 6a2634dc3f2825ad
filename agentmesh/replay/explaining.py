"""From a difference to a report: what both sides are, what user code did, and why.

Everything costly is done here, once per agent that diverges: the agent is replayed a second
time under a hook, and its recording and git are looked through.
"""

from itertools import islice
from typing import TYPE_CHECKING

from agentmesh.journal.comparing import Difference
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import CommandRecord, Sent, Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, StartEffect, is_mark
from agentmesh.replay.causes import Facts, Today, judge
from agentmesh.replay.code_changes import code_changes
from agentmesh.replay.compare import as_data, opened, pointers, value_at
from agentmesh.replay.divergence import Divergence
from agentmesh.replay.nearest import Nearest, nearest
from agentmesh.replay.source import Witness, witness
from agentmesh.replay.text_diff import same_parts, shown_difference
from agentmesh.replay.wording import in_words

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

_PLACEHOLDER = b"[redacted:"
_POINTERS_MAX = 1_000
_NUMBERS = ("turn", "n", "key", "deadline", "chain", "due")


class Explainer:
    """Explains differences of one run.

    Args:
        run: The recorded run.
        encoder: Makes records of commands.
        today: What this process is.
    """

    def __init__(self, run: "Run", encoder: BodyEncoder, today: Today) -> None:
        self._run = run
        self._encoder = encoder
        self._today = today

    def explain(
        self, cell: Cell, address: str, step: Step, difference: Difference, issued: list[Command]
    ) -> Divergence:
        """Return what is said about a difference.

        Args:
            cell: A new cell of the agent, to be replayed up to there.
            address: The agent.
            step: Where it is.
            difference: What it is.
            issued: What the step issued.
        """
        recorded, replayed = self._sides(address, difference)
        where = list(islice(pointers(recorded, replayed), _POINTERS_MAX))
        first = where[0] if where else ""
        turn = getattr(difference.recorded, "turn", 0)
        steps = self._run.steps(address)
        seen = witness(cell, steps, step.number, difference.index, turn)
        near = self._nearest(address, step, difference)
        facts = self._facts(
            address,
            step,
            seen=seen,
            first=first,
            sides=(recorded, replayed),
            issued=issued,
            near=near,
        )
        verdict = judge(self._run.info, self._today, facts)
        last = self._step(address, step.number - 1) if step.number else None
        changed = value_at(recorded, first), value_at(replayed, first)
        return Divergence(
            agent=address,
            step=step.number,
            index=difference.index,
            at_ns=step.event.at,
            event=in_words(step),
            recorded=recorded,
            replayed=replayed,
            pointer=first,
            text_diff=shown_difference(*changed) if recorded and replayed else [],
            more=max(0, len(_telling(where)) - 1),
            last_common=f"{address}@{step.number - 1}" if last is not None else "",
            last_common_event=in_words(last) if last is not None else "",
            source=seen.frames,
            source_role=seen.role,
            nearest=near,
            cause=verdict.cause,
            explanation=verdict.explanation,
            evidence=verdict.evidence,
            changed=facts.code.used,
        )

    def _sides(
        self, address: str, difference: Difference
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Return both commands as plain values, a message with its payload on both sides."""
        record = difference.recorded
        if isinstance(record, StartEffect):
            record = self._run.resolve(record)
        recorded, replayed = as_data(record), as_data(difference.replayed)
        if isinstance(record, Sent):
            digest = recorded.pop("digest")
            payload = self._run.payload_of(f"{address}#{record.n}")
            if payload is not None:
                recorded["payload"] = opened(payload)
            elif difference.replayed is not None and digest == getattr(
                self._encoder.command_record(difference.replayed), "digest", None
            ):
                replayed.pop("payload", None)  # nobody got it, but it was the same
        return recorded, replayed

    def _nearest(self, address: str, step: Step, difference: Difference) -> Nearest | None:
        replayed, record = difference.replayed, difference.recorded
        if replayed is None:
            return None
        place = (step.number, difference.index)
        found = nearest(self._run, self._encoder, address, place, replayed)
        if not _same_effect(record, replayed):
            return found
        # The recorded one at this place is the nearest, unless another is equal.
        return found if found is not None and found.likeness == 1.0 else None

    def _facts(
        self,
        address: str,
        step: Step,
        *,
        seen: Witness,
        first: str,
        sides: tuple[dict[str, object], dict[str, object]],
        issued: list[Command],
        near: Nearest | None,
    ) -> Facts:
        recorded, replayed = sides
        later = near is not None and near.likeness == 1.0 and near.step >= step.number
        records = [self._encoder.command_record(one) for one in issued]
        redacted, exported = self._redacted(address, step)
        return Facts(
            pointer=first,
            asks_model=_asks_model(recorded) and _asks_model(replayed),
            code=code_changes(self._run.info, self._today.functions, self._today.files, seen.ran),
            unstable=_differ(self._encoder, issued, seen.issued),
            reordered=later
            or _same_commands(step.commands, records)
            or same_parts(value_at(recorded, first), value_at(replayed, first)),
            redacted=redacted,
            redacted_later=exported,
            lost_mark=_lost_mark(step.commands, issued),
        )

    def _redacted(self, address: str, step: Step) -> tuple[str, bool]:
        """Return the latest event with placeholders, and whether an export put any there."""
        since = self._run.info.redaction.inputs.get(address)
        found = ""
        for each in self._run.steps(address):
            if each.number > step.number:
                break
            if _PLACEHOLDER in _content_of(each):
                found = f"{address}@{each.number}"
        return found, since is not None and since <= step.number and bool(found)

    def _step(self, address: str, number: int) -> Step:
        return next(self._run.steps(address, start=number, resolve=False))


def _same_effect(record: CommandRecord | None, replayed: Command) -> bool:
    if not isinstance(record, StartEffect) or not isinstance(replayed, StartEffect):
        return False
    return (record.kind, record.name) == (replayed.kind, replayed.name)


def _telling(where: list[str]) -> list[str]:
    """Leave out what follows from other differences: keys and numbers."""
    return [each for each in where if each.split("/")[1:2][0:1] not in [[n] for n in _NUMBERS]]


def _asks_model(command: dict[str, object]) -> bool:
    return command.get("command") == "start_effect" and command.get("kind") == "http"


def _differ(encoder: BodyEncoder, one: list[Command], other: list[Command]) -> bool:
    return [encoder.comparable(each) for each in one] != [
        encoder.comparable(each) for each in other
    ]


def _same_commands(recorded: tuple[CommandRecord, ...], issued: list[CommandRecord]) -> bool:
    """Tell whether the same is asked for in another order: numbers follow from the order."""
    one, other = sorted(map(_shape, recorded)), sorted(map(_shape, issued))
    return len(one) > 1 and one == other


def _shape(record: CommandRecord) -> str:
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    kept = [f"{k}={v!r}" for k, v in values.items() if k not in (*_NUMBERS, "note", "blob")]
    return f"{type(record).__name__}({', '.join(kept)})"


def _content_of(step: Step) -> bytes:
    event = step.event
    envelope = getattr(event, "envelope", None)
    if envelope is not None:
        return bytes(envelope.payload)
    parts = (getattr(event, name, b"") for name in ("result", "chunk", "error", "state"))
    return b"".join(parts)


def _lost_mark(recorded: tuple[CommandRecord, ...], issued: list[Command]) -> str:
    marks = [one for one in recorded if is_mark(one) and one not in issued]
    found = opened(getattr(marks[0], "fields", b"")) if marks else None
    return str(found.get("id", "")) if isinstance(found, dict) else ""
