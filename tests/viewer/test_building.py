"""Records as columns: nothing is lost, whatever is read first, and however often a run grows."""

import math
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

import agentmesh as am
from agentmesh.causality.figures import figures
from agentmesh.effects.prices import in_force
from agentmesh.errors import JournalDamagedError
from agentmesh.journal.records import Sent, Step
from agentmesh.kernel.commands import FinishTurn, StartEffect, StartTimer
from agentmesh.kernel.envelope import ASK, STARTS_TURN
from agentmesh.kernel.events import Delivered
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer.agents import OUTCOMES
from agentmesh.viewer.building import Building, RecordChanged, Unwanted
from agentmesh.viewer.previews import Previews
from tests.viewer.asking import Columns

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module", params=["news", "hostile", "other", "asked"])
def run(store: str, request: pytest.FixtureRequest) -> Iterator[RecordedRun]:
    """One run after the other."""
    with am.open_run(request.param, store=store) as opened:
        yield opened


@pytest.fixture(scope="module")
def news(store: str) -> Iterator[RecordedRun]:
    """The one in which most happens."""
    with am.open_run("news", store=store) as opened:
        yield opened


class Part:
    """A run as it is on record while it goes on: a beginning of each agent's steps."""

    def __init__(self, run: RecordedRun, ends: dict[str, int], handled: set[str]) -> None:
        self._run = run
        self._ends = ends
        self._handled = handled
        self.files, self.path = run.files, run.path

    def addresses(self) -> list[str]:
        return [address for address in self._run.addresses() if self._ends.get(address)]

    def count_steps(self, address: str) -> int:
        return self._ends[address]

    def steps(self, address: str, *, start: int = 0, resolve: bool = True) -> Iterator[Step]:
        for step in self._run.steps(address, start=start, resolve=resolve):
            if step.number + 1 < self._ends[address]:
                yield step
            elif step.number + 1 == self._ends[address]:
                whole = address in self._handled
                yield step if whole else Step(step.number, step.event, (), handled=False)

    def resolve(self, body: Any) -> Any:
        return self._run.resolve(body)


def built(run: RecordedRun) -> Building:
    """Read all of a run at once."""
    building = Building(in_force(), Previews())
    building.take(run, grows=False)
    return building


def rows_of(building: Building) -> Rows:
    """Return all rows of all tables."""
    found = {}
    for name, table in building.tables.items():
        kept = Columns()
        kept.take(table.body(0, 1 << 20, 0, {"generation": 1}))
        found[name] = kept.rows()
    return found


def named(building: Building, rows: Rows) -> Rows:
    """Return rows with names instead of numbers: these are given in the order of reading."""
    names = [*(agent.address for agent in building.agents), ""]
    texts = {
        "handler": building.rows.handlers.texts,
        "type": building.rows.types.texts,
        "name": building.rows.effect_names.texts,
        "model": building.rows.models.texts,
        "text": building.rows.texts.texts,
        **dict.fromkeys(("agent", "src", "dst"), names),
    }
    return {
        name: [{k: texts[k][v] if k in texts else v for k, v in row.items()} for row in some]
        for name, some in rows.items()
    }


def grown(run: RecordedRun, chance: random.Random, rounds: int) -> tuple[Building, Rows]:
    """Read a run while it grows, and keep rows as a page does that asks now and then."""
    building = Building(in_force(), Previews())
    pages = {name: Columns() for name in building.tables}
    ends = dict.fromkeys(run.addresses(), 0)
    for number in range(rounds):
        last = number == rounds - 1
        for address in ends:
            count = run.count_steps(address)
            ends[address] = count if last else chance.randint(ends[address], count)
        whole = {address for address in ends if last or chance.random() < 0.5}
        building.take(Part(run, ends, whole), grows=True)  # type: ignore[arg-type]
        for name, page in pages.items():
            if last or chance.random() < 0.7:
                _fetch(building, name, page, chance)
    return building, {name: page.rows() for name, page in pages.items()}


def _fetch(building: Building, name: str, page: Columns, chance: random.Random) -> None:
    seen, first = page.version, True
    while True:
        since = 0 if page.header is None else page.header["next"]
        limit = chance.choice((1, 3, 1000)) if since < 30 else 1000
        said = {"generation": 1, "version": building.version}
        header = page.take(building.tables[name].body(since, limit, seen, said))
        if first:
            page.version, first = header["version"], False
        if header["next"] == header["total"]:
            return


def key_of(name: str, row: dict[str, Any]) -> Any:
    """Return what a row is known by, whatever its number."""
    return {
        "turns": lambda: (row["agent"], row["turn"], row["n"], row["src"], row["first_step"]),
        "effects": lambda: (row["agent"], row["turn"], row["n"], row["first_step"]),
        "messages": lambda: (row["src"], row["n"], row["dst"]),
        "events": lambda: (row["agent"], row["step"]),
        "logs": lambda: (row["agent"], row["step"], row["index"]),
    }[name]()


def test_each_event_is_a_row_in_run_order_with_its_cause(run: RecordedRun) -> None:
    """The numbers are those that the command line tells."""
    building, order = built(run), run.order()
    rows = rows_of(building)["events"]
    agents = [agent.address for agent in building.agents]
    assert agents == run.addresses()
    told = [(agents[row["agent"]], row["step"]) for row in rows]
    assert told == [(event.address, event.step) for event in map(order.event, range(len(order)))]
    graph = run.graph()
    for number, row in enumerate(rows):
        event = order.event(number)
        cause = graph.cause_of(event)
        assert row["cause"] == (-1 if cause is None else cause.number)
        assert row["at"] == event.at - building.rows.start_ns
        assert row["cause"] < number


def test_the_order_that_causes_are_asked_of_is_the_same(run: RecordedRun) -> None:
    """Made of columns, and not by reading the run once more."""
    restored, order = built(run).run_order(run.id), run.order()
    assert [restored.event(n) for n in range(len(restored))] == [
        order.event(n) for n in range(len(order))
    ]
    assert restored.index.causes == order.index.causes


def test_every_message_effect_timer_and_turn_is_a_row(run: RecordedRun) -> None:
    """Counted in the record."""
    building = built(run)
    rows = rows_of(building)
    sent, delivered, effects, ends = set(), set(), 0, 0
    for address in run.addresses():
        for step in run.steps(address):
            if isinstance(step.event, Delivered):
                delivered.add(step.event.envelope.id)
            for command in step.commands:
                if isinstance(command, Sent):
                    sent.add(f"{address}#{command.n}")
                effects += isinstance(command, StartEffect | StartTimer)
                ends += isinstance(command, FinishTurn)
    names = [*(agent.address for agent in building.agents), "@client"]
    told = {f"{names[row['src']]}#{row['n']}" for row in rows["messages"]}
    assert told == sent | delivered
    assert len(rows["messages"]) == len(told)
    assert {
        f"{names[row['src']]}#{row['n']}" for row in rows["messages"] if row["dst_step"] >= 0
    } == (delivered)
    assert len(rows["effects"]) == effects
    assert sum(row["outcome"] != 0 for row in rows["turns"]) >= ends
    counted = figures(run)
    total = building.total()
    assert (total.input_tokens, total.output_tokens) == (
        counted.input_tokens,
        counted.output_tokens,
    )
    assert total.messages_in == counted.messages


def test_intervals_lie_in_each_other(run: RecordedRun) -> None:
    """A turn waits, begins and ends; what it performs and asks lies in it."""
    building = built(run)
    rows = rows_of(building)
    for row in rows["turns"]:
        assert row["delivered"] <= row["begin"]
        if row["end"] is not None:
            assert row["begin"] <= row["end"]
            for spent in (row["asked"], row["performing"]):
                assert 0 <= spent <= row["end"] - row["begin"]
        assert row["first_step"] <= row["last_step"]
    for row in rows["messages"]:
        if row["sent"] is not None and row["delivered"] is not None:
            assert row["sent"] <= row["delivered"]
        if row["begin"] is not None:
            assert row["delivered"] <= row["begin"]
            assert row["turn"]
        if row["re"] >= 0:
            assert rows["messages"][row["re"]]["kind"] in STARTS_TURN
    for row in rows["effects"]:
        if row["end"] is not None:
            assert row["begin"] <= row["end"]


def test_messages_stand_in_the_order_of_time(run: RecordedRun) -> None:
    """Of those that came from outside, by when they came."""
    times = [
        row["delivered"] if row["sent"] is None else row["sent"]
        for row in rows_of(built(run))["messages"]
    ]
    assert all(one <= other for one, other in pairwise(times))


def test_an_ask_knows_its_answer(news: RecordedRun) -> None:
    """When it came, and where; what was given up has none."""
    building = built(news)
    rows = rows_of(building)["messages"]
    asks = [row for row in rows if row["kind"] == ASK and row["src"] >= 0]
    waits = news.waits().waits
    answered = [row for row in asks if row["answer_step"] >= 0]
    assert len(answered) == sum(w.outcome in ("answered", "failed") for w in waits)
    for row in answered:
        answer = next(
            each
            for each in rows
            if each["dst_step"] == row["answer_step"] and each["dst"] == row["src"]
        )
        assert rows[answer["re"]] == row
        assert answer["delivered"] == row["answered"]
    assert len(answered) == len(asks) - 1  # nobody waited for the thinker any more


def test_each_attempt_is_a_turn(news: RecordedRun) -> None:
    """The message ends once, after the last one."""
    building = built(news)
    rows = rows_of(building)
    shaky = next(a.index for a in building.agents if a.address == "Shaky/s1")
    turns = [row for row in rows["turns"] if row["agent"] == shaky]
    assert [row["outcome"] for row in turns] == [OUTCOMES["failed"], OUTCOMES["dead"]]
    assert [row["turn"] for row in turns] == [1, 2]
    assert len({(row["src"], row["n"]) for row in turns}) == 1
    message = next(row for row in rows["messages"] if row["dst"] == shaky and row["kind"] == ASK)
    assert (message["turn"], message["outcome"]) == (2, OUTCOMES["dead"])
    assert message["end"] == turns[1]["end"]


def test_what_a_model_used_and_cost_is_its_effects_and_its_turns(store: str) -> None:
    """By the prices that were recorded with the run."""
    with am.open_run("asked", store=store) as run:
        building = built(run)
        rows = rows_of(building)
        (effect,) = rows["effects"]
        (turn,) = rows["turns"]
    assert building.rows.models.texts[effect["model"]] == "sim-small"
    assert effect["kind"] == 5
    assert effect["input_tokens"] > 0
    for name in ("input_tokens", "output_tokens", "cost"):
        assert turn[name] == effect[name] > 0
    assert turn["performing"] == effect["end"] - effect["begin"]
    assert "What is new?" in building.previews.text("effects", 0)[0]
    assert "Nothing." in building.previews.text("effects", 0)[0]


@pytest.mark.parametrize("seed", range(12))
def test_a_run_that_grows_comes_to_the_same_rows(news: RecordedRun, seed: int) -> None:
    """Read in pieces, by a page that asks now and then, with hosts that are behind."""
    chance = random.Random(seed)
    building, rows = grown(news, chance, rounds=chance.randint(2, 6))
    once = built(news)
    rows, whole = named(building, rows), named(once, rows_of(once))
    for name, expected in whole.items():
        found = {key_of(name, row): row for row in rows[name]}
        assert found.keys() == {key_of(name, row) for row in expected}
        for row in expected:
            mine = found[key_of(name, row)]
            for column in row.keys() - {"re", "cause"}:
                assert _alike(mine[column], row[column]), (name, column, mine, row)
            for column, of in (("re", "messages"), ("cause", "events")):
                if column in row:
                    assert _same_row(rows[of], mine[column], whole[of], row[column], of)


@pytest.mark.parametrize("seed", range(4))
def test_no_event_of_a_growing_run_stands_before_its_cause(news: RecordedRun, seed: int) -> None:
    """Although their numbers are not the last word yet."""
    _, rows = grown(news, random.Random(seed), rounds=5)
    for number, row in enumerate(rows["events"]):
        assert row["cause"] < number
    agents: dict[int, int] = {}
    for row in rows["events"]:
        assert row["step"] == agents.get(row["agent"], 0)
        agents[row["agent"]] = row["step"] + 1


def test_a_record_that_has_become_another_is_noticed(news: RecordedRun) -> None:
    """A host was restored, and what it had not told anybody is void."""
    building = Building(in_force(), Previews())
    ends = {address: news.count_steps(address) for address in news.addresses()}
    building.take(Part(news, ends, set(ends)), grows=True)  # type: ignore[arg-type]
    fewer = {**ends, "Writer/w1": ends["Writer/w1"] - 2}
    with pytest.raises(RecordChanged):
        building.take(Part(news, fewer, set(ends)), grows=True)  # type: ignore[arg-type]
    building.agents[0].last_at_ns += 1
    with pytest.raises(RecordChanged):
        building.take(Part(news, ends, set(ends)), grows=True)  # type: ignore[arg-type]


def test_reading_ends_when_nobody_wants_it_any_more(
    news: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was closed while a large run was read."""
    monkeypatch.setattr("agentmesh.viewer.building._LOOK_EVERY", 1)
    with pytest.raises(Unwanted):
        Building(in_force(), Previews()).take(news, grows=False, going=lambda: False)


def test_what_was_read_before_damage_can_be_seen(news: RecordedRun) -> None:
    """The last agent's file is broken."""

    class Broken(Part):
        def steps(self, address: str, *, start: int = 0, resolve: bool = True) -> Iterator[Step]:
            for step in super().steps(address, start=start, resolve=resolve):
                if address == "newsroom/root" and step.number == 2:
                    raise JournalDamagedError("damaged", file="x", offset=1)
                yield step

    ends = {address: news.count_steps(address) for address in news.addresses()}
    building = Building(in_force(), Previews())
    with pytest.raises(JournalDamagedError):
        building.take(Broken(news, ends, set(ends)), grows=False)  # type: ignore[arg-type]
    rows = rows_of(building)
    assert len(rows["events"]) == sum(ends.values()) - ends["newsroom/root"] + 2
    assert any(row["src_step"] == -1 for row in rows["messages"])


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other)
    return bool(one == other)


def _same_row(mine: Any, one: int, its: Any, other: int, name: str) -> bool:
    if one < 0 and name == "events":
        return True  # who sent it was read too late: it is told when the run has ended
    if one < 0 or other < 0:
        return one == other
    return bool(key_of(name, mine[one]) == key_of(name, its[other]))
