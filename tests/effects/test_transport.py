"""Plain HTTP clients on the recorded transport, of both libraries."""

import importlib
from typing import Any

import httpx2
import pytest

from agentmesh.effects import clients
from agentmesh.effects.endpoints import endpoint
from agentmesh.errors import UsageError
from agentmesh.sdk.workflow import workflow
from tests.effects.model_server import chat

LIBRARIES: dict[bool, Any] = {
    False: httpx2,
    True: importlib.import_module("httpx"),  # comes with the SDKs that still want it
}


@pytest.mark.parametrize("classic", [False, True])
def test_plain_http_clients_are_recorded_too(go, server, classic):
    """For SDKs that bring their own types: httpx2, or classic httpx."""
    library = LIBRARIES[classic]

    @workflow
    async def gets() -> list[object]:
        where = endpoint()
        headers = {"authorization": f"Bearer {where.api_key}"}
        async with clients.http_client(classic=classic, headers=headers) as client:
            assert isinstance(client, library.AsyncClient)
            response = await client.get(f"{where.base_url}/models", params={"key": "hush"})
            missing = await client.get(f"{where.base_url}/nothing")
            body = chat("count", stream=True)
            url = f"{where.base_url}/chat/completions"
            async with client.stream("POST", url, json=body) as stream:
                lines = [line async for line in stream.aiter_lines() if line]
            return [len(response.json()["data"]), missing.status_code, lines[-1]]

    ended = go(gets)

    assert ended.result == [3, 404, "data: [DONE]"]
    assert "hush" not in ended.text()


@pytest.mark.parametrize("classic", [False, True])
def test_plain_http_clients_raise_their_own_errors(go, classic):
    """An `except httpx.ConnectError` must catch it."""
    library = LIBRARIES[classic]

    @workflow
    async def fails() -> str:
        try:
            await clients.http_client(classic=classic).get("http://127.0.0.1:9/")
        except library.ConnectError as error:
            return f"{error.request.url} {bool(str(error))}"
        return ""

    assert go(fails).result == "http://127.0.0.1:9/ True"


def test_a_transport_of_ones_own_is_refused():
    """It would go past the recorder."""
    with pytest.raises(UsageError, match="brings its own transport"):
        clients.http_client(transport=httpx2.AsyncHTTPTransport())
