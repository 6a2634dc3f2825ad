"""The name of an effect in the world outside, and effects that must not be done twice."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agentmesh.effects import clients, failures
from agentmesh.effects.call import effect
from agentmesh.effects.tool_scope import idempotency_key, tool_context
from agentmesh.effects.tools import tool
from agentmesh.errors import DefinitionError, OutcomeUnknownError, UsageError, rebuild
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.events import EffectFailed
from agentmesh.kernel.identity import idempotency_key as key_of
from agentmesh.sdk.resolve import behavior_for
from agentmesh.sdk.workflow import workflow
from tests.effects.harness import run

HEX_DIGITS = 32


@pytest.fixture
def shop() -> Iterator[tuple[str, list[str | None]]]:
    """Yield the URL of a server, and the idempotency keys of the requests it got."""
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers.get("Idempotency-Key"))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that the base calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", keys
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


def test_each_call_has_a_key_of_its_own_which_its_place_in_the_run_decides() -> None:
    """Asynchronous tools, blocking ones, and plain functions; equal calls differ too."""
    seen: list[str] = []

    @tool
    async def asks() -> None:
        seen.append(idempotency_key())

    @tool
    def blocks() -> None:
        seen.append(idempotency_key())

    def plain() -> None:
        seen.append(idempotency_key())

    @workflow
    async def calls() -> None:
        await asks()
        await asks()
        await blocks()
        await effect(plain)

    run(calls).replay()

    assert seen == [key_of("r1", "calls/root", 1, n) for n in (1, 2, 3, 4)]
    assert {len(key) for key in seen} == {HEX_DIGITS}
    assert len(set(seen)) == len(seen)


def test_every_attempt_of_a_call_has_the_same_key() -> None:
    """The other side sees that it is the same order, and takes it once."""
    seen: list[tuple[int, str]] = []

    @tool(retries=2)
    async def tries() -> str:
        seen.append((tool_context().attempt, idempotency_key()))
        if len(seen) < 3:
            raise OSError("the line is dead")
        return "done"

    @workflow
    async def calls() -> str:
        return await tries()

    assert run(calls).result == "done"
    assert [attempt for attempt, _ in seen] == [1, 2, 3]
    assert len({key for _, key in seen}) == 1


def test_the_key_is_no_part_of_what_the_effect_is() -> None:
    """Two runs that do the same have the same effects, under other names outside."""
    assert key_of("r1", "A/x", 1, 1) != key_of("r2", "A/x", 1, 1)

    @tool
    async def asks() -> None:
        idempotency_key()

    @workflow
    async def calls() -> None:
        await asks()

    ended = run(calls)
    assert key_of("r1", "calls/root", 1, 1) not in ended.text()


def test_there_is_no_key_where_no_tool_runs() -> None:
    """A handler has none: it has no single call."""
    with pytest.raises(UsageError, match=r"am.idempotency_key\(\) was called where no tool runs"):
        idempotency_key()


def test_outside_a_run_the_key_is_random() -> None:
    """A plain test calls the tool: nothing may be taken for a repetition."""

    @tool
    async def asks() -> str:
        return idempotency_key()

    assert asyncio.run(asks()) != asyncio.run(asks())


def test_requests_that_do_something_carry_their_key(shop: tuple[str, list[str | None]]) -> None:
    """Not those that only ask; what the program says itself stands; the record has none of it."""
    url, keys = shop

    @workflow
    async def orders() -> None:
        async with clients.http_client() as client:
            await client.post(url, content=b"{}")
            await client.get(url)
            await client.post(url, headers={"idempotency-key": "mine"})
            await client.post(url, content=b"{}")

    ended = run(orders)
    ended.replay()

    expected = [key_of("r1", "orders/root", 1, n) for n in (1, 4)]
    assert keys == [expected[0], None, "mine", expected[1]]
    assert ended.effects[0].request == ended.effects[3].request
    assert expected[0] not in ended.text()


@tool(idempotent=False)
async def charge(card: str, cents: int) -> str:
    """Charge a card."""
    return f"{card} {cents}"


@workflow
async def buys() -> str:
    """Charge a card; say what is known."""
    try:
        return await charge("4711", cents=5)
    except OutcomeUnknownError as error:
        return str(error)


def test_whether_an_effect_may_be_repeated_is_in_its_record() -> None:
    """Whoever restores a run knows it without the program."""

    @tool
    async def looks() -> None: ...

    @workflow
    async def both() -> None:
        await looks()
        await charge("4711", cents=5)

    assert [started.idempotent for started in run(both).effects] == [True, False]


def test_a_handler_is_told_that_nobody_knows_what_became_of_its_effect() -> None:
    """As a restored host tells it: the effect was under way when its host died."""
    ended = run(buys)
    assert ended.result == "4711 5"
    (started,) = ended.effects
    lost = failures.outcome_unknown(started)
    cell = Cell(behavior_for(ended.context, "buys/root"), ended.context)
    for event in ended.journal.events["buys/root"][:2]:
        cell.handle(event)
    issued = cell.handle(EffectFailed(cell.now, started.turn, started.n, lost))
    said = json.loads(issued[0].envelope.payload)  # type: ignore[attr-defined]

    assert said.startswith(
        "Tool charge(card='4711', cents=5) was under way when its host died: whether it was done "
        "is unknown. charge is declared with idempotent=False"
    )
    assert "am.idempotency_key()" in said


def test_the_error_says_which_effect_it_was() -> None:
    """Also when its request is in the blob store, or is no call of a tool."""
    large = StartEffect(1, 2, "tool", "charge", "k", b"", idempotent=False, blob="d")
    odd = StartEffect(1, 2, "http", "POST shop/pay", "k", b"[1]", idempotent=False)
    error = rebuild(failures.outcome_unknown(large))

    assert isinstance(error, OutcomeUnknownError)
    assert str(error).startswith("Tool charge was under way")
    assert error.fields == {"kind": "tool", "name": "charge", "key": "k"}
    assert str(rebuild(failures.outcome_unknown(odd))).startswith("Http POST shop/pay was under")


def test_what_may_not_be_done_twice_has_no_retries() -> None:
    """An attempt that seemed to fail may have done its work."""
    with pytest.raises(DefinitionError, match=r"am.idempotency_key\(\)"):

        @tool(idempotent=False, retries=1)
        async def pays() -> None: ...
