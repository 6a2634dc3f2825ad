"""The server's life: start, log, door, stop; and that it keeps quiet."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import openai
import pytest

from agentmesh.errors import DeadlineExceededError, UsageError
from agentmesh.testing.models import (
    Fixed,
    Latency,
    LoggedRequest,
    ModelServer,
    Rule,
    SimulatedModels,
    Stall,
)
from agentmesh.testing.models.server import _listen
from tests.testing.models.helpers import TIMEOUT_SECONDS, ask, client, said


def run_python(program: str) -> subprocess.Popen[str]:
    """Start another Python that finds the same packages as this one."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=Path.cwd(),
    )


def test_a_server_starts_and_stops_quickly() -> None:
    """Tests start one each; the second start has nothing left to import."""
    with ModelServer():
        pass
    begun = time.monotonic()
    with ModelServer() as server:
        started = time.monotonic()
        ask(server, "x")
        asked = time.monotonic()
    stopped = time.monotonic()

    assert started - begun < 0.3
    assert stopped - asked < 1.0


def test_an_asynchronous_program_enters_and_leaves_without_blocking() -> None:
    """The server has a thread of its own, whoever starts it."""

    async def program() -> str | None:
        async with (
            ModelServer(rules=[Rule(answer="hi")]) as server,
            openai.AsyncOpenAI(base_url=server.base_url, api_key="any") as opened,
        ):
            answers = await asyncio.gather(
                *(
                    opened.chat.completions.create(model="sim-small", messages=said(str(number)))
                    for number in range(20)
                )
            )
            assert len(server.requests) == 20
        return answers[-1].choices[0].message.content

    assert asyncio.run(program()) == "hi"


def test_the_environment_points_programs_at_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client made without arguments reads where to ask from the environment."""
    with ModelServer(SimulatedModels(api_key="k1")) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with openai.OpenAI() as opened:
            assert opened.models.list().data


def test_another_key_is_refused_where_one_was_set() -> None:
    """Programs must survive a key that has expired."""
    with (
        ModelServer(SimulatedModels(api_key="k1")) as server,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        ask(server, "x")

    assert caught.value.code == "invalid_api_key"


def test_requests_are_logged_with_what_became_of_them() -> None:
    """The log is what tests of retries and cancellation look at."""
    with ModelServer(rules=[Rule(name="hello", answer="x")]) as server:
        ask(server, "one", model="sim-large")
        ask(server, "one")
        ask(server, "one")
        httpx2.get(server.base_url + "/nothing")
        log = server.requests

        assert len(log) == log.total == 4
        assert log.count(model="sim-small") == 2
        assert log.count(rule="hello", path="/v1/chat/completions", status=200) == 3
        assert log.count(outcome="error") == 1
        assert [entry.occurrence for entry in log] == [1, 1, 2, None]
        assert log[0].body == {"model": "sim-large", "messages": said("one")}
        assert "authorization" not in repr(log[0]).casefold()
        log.clear()
        assert (len(log), log.total) == (0, 4)


def test_waiting_for_the_log_has_a_deadline() -> None:
    """And says what the log holds instead."""
    with ModelServer() as server:
        ask(server, "x")
        with pytest.raises(DeadlineExceededError, match=r"1 /v1/chat/completions answered"):
            server.requests.wait_until(lambda log: len(log) == 2, timeout_seconds=0.01)


def test_a_watcher_is_told_of_each_request_once() -> None:
    """When it has ended, not before."""
    seen: list[LoggedRequest] = []
    with ModelServer() as server:
        server.requests.watch(seen.append)
        ask(server, "x")
        ask(server, "y")

    assert [(entry.number, entry.outcome) for entry in seen] == [(1, "answered"), (2, "answered")]


def test_a_client_that_cancels_is_noticed() -> None:
    """Cancelling an asynchronous call closes its connection, and the log says so."""

    async def program(server: ModelServer) -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="any") as opened:
            call = asyncio.create_task(
                opened.chat.completions.create(model="sim-small", messages=said("x"))
            )
            await asyncio.to_thread(server.requests.wait_until, lambda log: len(log) == 1)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    with ModelServer(latency=Latency(first_token=Fixed(seconds=60))) as server:
        asyncio.run(program(server))
        server.requests.wait_until(lambda log: log[0].outcome == "abandoned")


def test_a_stream_that_is_closed_early_is_noticed() -> None:
    """It had begun, so it has a status; it never ended, so it was abandoned."""
    slow = Latency(per_token=Fixed(seconds=60))
    with ModelServer(latency=slow) as server, client(server) as opened:
        stream = opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        next(iter(stream))
        stream.close()
        server.requests.wait_until(lambda log: log[0].outcome == "abandoned")
        assert server.requests[0].status == 200


def test_stopping_ends_what_is_under_way() -> None:
    """Neither a stalled request nor a rule that blocks holds up the end of a test."""
    blocked = threading.Event()

    def block(_request: object) -> str:
        blocked.wait(TIMEOUT_SECONDS)
        return "late"

    failures: list[type[Exception]] = []

    def call(server: ModelServer, text: str) -> None:
        try:
            ask(server, text)
        except openai.OpenAIError as error:
            failures.append(type(error))

    rules = [Rule(contains="stall", answer=Stall()), Rule(answer=block)]
    with ModelServer(rules=rules) as server:
        threads = [threading.Thread(target=call, args=(server, each)) for each in ("stall", "wait")]
        for thread in threads:
            thread.start()
        server.requests.wait_until(lambda log: log.count(model="sim-small") == 2)
        begun = time.monotonic()
    stopped = time.monotonic()
    blocked.set()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)

    assert stopped - begun < 2
    assert failures == [openai.APIConnectionError] * 2


def test_a_stopped_server_frees_its_port() -> None:
    """The next one may take it at once."""
    with ModelServer() as server:
        ask(server, "x")
        port = int(server.base_url.split(":")[-1].split("/")[0])
    with ModelServer(port=port) as server:
        assert ask(server, "again")
    server.stop()  # once more does nothing


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_an_address_others_can_reach_is_refused(host: str) -> None:
    """A simulator without access control stays on this machine."""
    with pytest.raises(UsageError, match="exposure='network'"):
        ModelServer(host=host)


def test_responses_do_not_wait_for_acknowledgements() -> None:
    """asyncio sends small writes at once only on sockets whose protocol is named as TCP.

    Otherwise each response takes 40 ms more: the time a client delays its acknowledgement.
    """
    with _listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_port_in_use_is_reported() -> None:
    """With what to do about it."""
    with (
        ModelServer() as server,
        pytest.raises(UsageError, match="another port"),
        ModelServer(port=int(server.base_url.split(":")[-1].split("/")[0])),
    ):
        pass


def test_a_server_is_started_once() -> None:
    """Before it is, it has no address; afterwards a second start would be another server."""
    server = ModelServer()
    with pytest.raises(UsageError, match="no address"):
        _ = server.base_url
    with server, pytest.raises(UsageError, match="started before"):
        server.start()


def test_another_name_for_this_machine_is_refused() -> None:
    """A web page can make a browser ask a name of its own that leads to 127.0.0.1."""
    with ModelServer() as server:
        foreign = httpx2.get(server.base_url + "/models", headers={"host": "evil.example"})
        local = httpx2.get(server.base_url + "/models", headers={"host": "localhost:1"})
    with ModelServer(host="0.0.0.0", exposure="network") as server:
        url = server.base_url.replace("0.0.0.0", "127.0.0.1")
        named = httpx2.get(url + "/models", headers={"host": "any.example"})

        broken = httpx2.get(url + "/models", headers={"host": "[::1"})

    assert broken.status_code == 200
    assert (foreign.status_code, local.status_code, named.status_code) == (403, 200, 200)
    assert foreign.json()["error"]["code"] == "host_not_allowed"


def test_the_other_loopback_works_too() -> None:
    """IPv6 addresses are written in brackets; a machine without them says that it can't."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        with pytest.raises(UsageError, match="can't listen"):
            ModelServer(host="::1").start()
        return
    with ModelServer(host="::1") as server:
        assert server.base_url.startswith("http://[::1]:")
        assert ask(server, "x")


def test_importing_it_imports_no_server() -> None:
    """Programs that only name the package pay for nothing."""
    program = (
        "import sys, agentmesh\n"
        "before = set(sys.modules)\n"
        "import agentmesh.testing.models\n"
        "heavy = {'starlette', 'uvicorn', 'h11', 'openai', 'pydantic', 'httpx2'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    with run_python(program) as process:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)

    assert (out.strip(), err) == ("[]", "")


def test_serving_in_the_foreground_ends_with_a_signal_and_prints_nothing() -> None:
    """What `agentmesh models serve` calls: Ctrl-C or a termination ends it in good order."""
    program = (
        "from agentmesh.testing.models import serve\n"
        "serve(port=0, on_ready=lambda server: print(server.base_url, flush=True),\n"
        "      on_request=lambda entry: print(entry.path, entry.outcome, flush=True))\n"
        "print('ended')"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        with run_python(program) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert httpx2.get(url + "/models").status_code == 200
            assert process.stdout.readline() == "/v1/models answered\n"
            process.send_signal(number)
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)

        assert (process.returncode, out, err) == (0, "ended\n", "")


def test_many_clients_at_once_are_all_answered() -> None:
    """A fan-out of agents opens many connections in one moment."""

    async def program(server: ModelServer) -> int:
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(limits=limits, timeout=TIMEOUT_SECONDS) as opened:
            body = {"model": "sim-small", "messages": said("x")}
            url = server.base_url + "/chat/completions"
            answers = await asyncio.gather(*(opened.post(url, json=body) for _ in range(200)))
        return sum(answer.status_code == 200 for answer in answers)

    with ModelServer() as server, client(server):
        assert asyncio.run(program(server)) == 200
        assert server.requests.count(outcome="answered") == 200
