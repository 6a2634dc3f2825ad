"""The configured model provider, asked for its models: is it there, does it take the key?"""

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agentmesh.effects.settings import BASE_URL, BASE_URL_DEFAULT, KEY
from agentmesh.errors import EffectError

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible API."""

    base_url: str
    key: str | None = field(default=None, repr=False)


def from_environment() -> Endpoint | None:
    """Return what a run would use; None where nothing is configured."""
    url, key = os.environ.get(BASE_URL), os.environ.get(KEY)
    if not url and not key:
        return None
    return Endpoint((url or BASE_URL_DEFAULT).rstrip("/"), key)


def ask_models(endpoint: Endpoint) -> Any:
    """Return what the provider says about its models.

    Raises:
        EffectError: It can't be reached, or refuses; the key is never shown.
    """
    import httpx2

    url = f"{endpoint.base_url.rstrip('/')}/models"
    headers = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    loopback = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        response = httpx2.get(url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=not loopback)
        if response.is_success:
            return response.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise EffectError(
            f"The model provider at {endpoint.base_url} can't be reached: {_reason(error)}.",
            cause="Usually nothing listens there, or a proxy or firewall is in between.",
            fix=f"Check {BASE_URL}; `agentmesh models serve` starts a simulated one.",
        ) from error
    refused = response.status_code in (401, 403)
    raise EffectError(
        f"The model provider at {endpoint.base_url} answers with status {response.status_code}.",
        cause="It refuses the key." if refused else f"Usually {BASE_URL} lacks its /v1.",
        fix=f"Set {KEY} to a valid key." if refused else f"Check {BASE_URL}.",
    )


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
