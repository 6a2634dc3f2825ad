"""Unmodified SDK clients on the recorded transport."""

from typing import TYPE_CHECKING, Any, Literal, overload

from agentmesh.ambient import outside
from agentmesh.effects import endpoints, settings
from agentmesh.effects.keys import key_from_env
from agentmesh.effects.transport import make_transport
from agentmesh.errors import UsageError

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

TIMEOUT_SECONDS = 600.0
"""As the openai SDK: models may think for long; the turn's deadline ends earlier waits."""


@overload
def http_client(*, classic: Literal[False] = False, **options: Any) -> "httpx2.AsyncClient": ...
@overload
def http_client(*, classic: Literal[True], **options: Any) -> Any: ...
def http_client(*, classic: bool = False, **options: Any) -> Any:
    """Return an HTTP client whose requests are recorded inside handlers.

    Args:
        classic: An `httpx.AsyncClient`, for SDKs that do not know httpx2.
        options: As the library's `AsyncClient` takes them, such as `base_url`.
    """
    if "transport" in options or "mounts" in options:
        raise UsageError(
            "am.http_client() brings its own transport.",
            cause="The transport is what records requests.",
            fix="Leave `transport` and `mounts` out; proxies come from the host's environment.",
        )
    library = "httpx" if classic else "httpx2"
    with outside():
        transport = make_transport(library)
        options.setdefault("timeout", TIMEOUT_SECONDS)
        options.setdefault("follow_redirects", True)
        options["trust_env"] = False  # a proxy found there would go past the transport
        return transport.library.AsyncClient(transport=transport, **options)


def openai(**options: Any) -> "AsyncOpenAI":
    """Return an ordinary `openai.AsyncOpenAI` whose requests are recorded inside handlers.

    Base URL and key are those of the run, without being asked for; a client made at
    module level works too. A key given as `api_key` is sent and not recorded, but then
    a replay needs something in its place: `am.key_from_env("NAME")` does not.

    Args:
        options: As `AsyncOpenAI` takes them, such as `max_retries` and `timeout`.
    """
    if "http_client" not in options:
        options["http_client"] = http_client()
    options.setdefault("base_url", endpoints.base_url_here())
    options.setdefault("api_key", key_from_env(settings.KEY))
    with outside():
        from openai import AsyncOpenAI
        from openai._base_client import get_platform

        client = AsyncOpenAI(**options)
        # Else its first request would look the platform up, in whichever handler that is.
        client._platform = get_platform()  # noqa: SLF001 - nothing public sets it
        return client
