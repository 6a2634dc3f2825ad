"""Where the model is, in the form in which SDKs and frameworks want to be told."""

from dataclasses import dataclass

from agentmesh.effects import recorded, settings
from agentmesh.effects.keys import key_from_env

UNRESOLVED = "https://model.agentmesh.invalid/v1"
"""Base URL of a client made outside of any run: the transport puts in the one that is
configured where the client is used."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A model behind an API in OpenAI's form."""

    base_url: str
    api_key: str
    """A placeholder: the host that sends the request puts the real key in."""
    model: str


def endpoint(*, model: str | None = None) -> Endpoint:
    """Return where the run's model is, for SDKs and frameworks that make clients of their own.

    Hand them `am.http_client()` with it: then their requests are recorded.

    Args:
        model: Instead of the run's.

    Raises:
        UsageError: No model is configured.
    """
    found = settings.here()
    return Endpoint(
        base_url=base_url_here(),
        api_key=key_from_env(settings.KEY),
        model=model or settings.model_of(found),
    )


def base_url_here() -> str:
    """Return the base URL to make a client with."""
    if recorded.cell_here() is None:
        return UNRESOLVED
    return settings.base_url_of(settings.here())
