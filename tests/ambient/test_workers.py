"""Functions that a library would run in a thread of its own, from inside a handler."""

import asyncio
import importlib
import re
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from agentmesh.ambient import inside, uninstall
from agentmesh.errors import EscapeError
from tests.ambient.helpers import call_inside, in_a_process, make_loop, run

WHO: ContextVar[str] = ContextVar("who", default="nobody")


def test_anyio_runs_a_function_in_the_handlers_own_thread() -> None:
    """Pydantic AI hands a synchronous tool to anyio: nothing may depend on a thread's timing."""

    def tool(number: int) -> tuple[int, bool, threading.Thread, str]:
        seen = WHO.get()
        WHO.set("tool")  # stays in there, as it would in a thread
        return number + 1, inside(), threading.current_thread(), seen

    async def handler() -> object:
        WHO.set("handler")
        answer = await anyio.to_thread.run_sync(tool, 1, abandon_on_cancel=True)
        return *answer, WHO.get()

    assert run(handler()) == (2, True, threading.current_thread(), "handler", "handler")


def test_what_the_function_raises_is_raised_where_it_is_awaited() -> None:
    """The framework tells the model about it, or gives up."""

    def tool() -> None:
        raise KeyError("lamp")

    async def handler() -> None:
        await anyio.to_thread.run_sync(tool)

    with pytest.raises(KeyError, match="lamp"):
        run(handler())


def test_a_file_opened_there_is_refused_at_the_line_that_opens_it(tmp_path: Path) -> None:
    """The error names the tool's own line, not the library's."""
    page = tmp_path / "page.txt"
    page.write_text("secret")

    def tool() -> str:
        return page.read_text()

    async def handler() -> str:
        return await anyio.to_thread.run_sync(tool)

    with pytest.raises(EscapeError, match=r"@am\.tool") as refused:
        run(handler())
    assert re.fullmatch(r"test_workers.py:\d+ \(in tool\)", str(refused.value.fields["where"]))


def test_outside_handlers_anyio_has_its_threads() -> None:
    """The host's loop runs @am.tool functions of others beside the handlers."""

    async def elsewhere() -> bool:
        return await anyio.to_thread.run_sync(threading.current_thread) is threading.main_thread()

    assert anyio.run(elsewhere) is False


def test_it_can_be_taken_away() -> None:
    """Tests that remove the ambient world get anyio back as it was."""
    backend = anyio._backends._asyncio.AsyncIOBackend  # type: ignore[attr-defined]
    ours = vars(backend)["run_sync_in_worker_thread"]
    uninstall()
    assert vars(backend)["run_sync_in_worker_thread"] is not ours


def test_an_error_does_not_name_whoever_drives_the_loop() -> None:
    """A replay is driven by another program, and must raise the very same error."""
    source = "import threading\ndef start(done):\n    threading.Thread(target=print).start()\n"
    library: dict[str, Any] = {"__name__": "library"}
    exec(compile(source, "/site-packages/library.py", "exec"), library)
    loop = make_loop()
    started = asyncio.Future[None](loop=loop)
    started.add_done_callback(library["start"])
    started.set_result(None)
    loop.drain()

    assert isinstance(loop.failures[0]["exception"], EscapeError)
    assert loop.failures[0]["exception"].fields["where"] == "library.py:3 (in start)"


def test_a_client_of_anyio_is_told_how_to_be_recorded() -> None:
    """An HTTP client that was given nothing: anyio would bury the refusal in a group of errors."""

    async def handler() -> None:
        await anyio.connect_tcp("localhost", 80)

    with pytest.raises(EscapeError, match=r"am\.http_client\(\)") as refused:
        run(handler())
    assert refused.value.what.startswith("anyio.connect_tcp('localhost', 80) was refused")
    assert "test_workers.py" in str(refused.value.fields["where"])


def test_anyio_that_is_imported_in_a_handler_is_met_alike() -> None:
    """A framework imports its HTTP client when it is first used."""
    program = """
        from agentmesh.ambient import install
        from agentmesh.errors import EscapeError
        from tests.ambient.helpers import run

        install()

        async def handler():
            import anyio

            try:
                await anyio.connect_tcp("localhost", 80)
            except EscapeError as error:
                print(error.fields["call"])
            print(await anyio.to_thread.run_sync(lambda: "in place"))

        run(handler())
    """
    assert in_a_process(program).splitlines() == ["anyio.connect_tcp('localhost', 80)", "in place"]


class Callbacks:
    """What LangGraph's `astream_events` gives to a graph whose nodes are synchronous."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, threading.Thread, bool]] = []

    async def on_custom_event(self, name: str, data: object) -> None:
        self.heard.append((name, threading.current_thread(), inside()))
        if name == "waits":
            await asyncio.get_running_loop().create_future()
        if name == "fails":
            raise KeyError(name)


def tell(callbacks: Callbacks, *names: str) -> None:
    """Tell asynchronous callbacks from synchronous code, as LangChain does."""
    manager = importlib.import_module("langchain_core.callbacks.manager")
    for name in names:
        manager.handle_event([callbacks], "on_custom_event", None, name, {})


def test_langchain_tells_asynchronous_callbacks_in_place() -> None:
    """It would start a loop in a thread and wait for it; errors of callbacks it only logs."""
    callbacks = Callbacks()
    call_inside(lambda: tell(callbacks, "starts", "fails", "ends"))

    here = threading.current_thread()
    assert callbacks.heard == [(name, here, True) for name in ("starts", "fails", "ends")]


def test_a_callback_that_waits_is_refused() -> None:
    """Synchronous code can't wait for the handler's own loop."""
    with pytest.raises(EscapeError, match=r"waiting in the callback .*on_custom_event") as refused:
        call_inside(lambda: tell(Callbacks(), "waits"))
    assert "await" in refused.value.fix


def test_outside_handlers_langchain_tells_callbacks_as_ever() -> None:
    """On the host's loop, beside handlers, it has its thread."""
    callbacks = Callbacks()

    async def elsewhere() -> None:
        tell(callbacks, "starts")

    asyncio.run(elsewhere())
    (heard,) = callbacks.heard
    assert heard[1] is not threading.current_thread()
    assert heard[2] is False
