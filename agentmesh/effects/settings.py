"""Which model, and where: gathered once when a run starts, recorded, the same in a replay.

The driver calls `collect`; handlers only read what it found, through `here`. A key is
never among it: only whether there was one.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from agentmesh.effects.recorded import cell_here, run_of
from agentmesh.errors import UsageError

BASE_URL = "OPENAI_BASE_URL"
MODEL = "OPENAI_MODEL"
KEY = "OPENAI_API_KEY"
KEY_SET = "OPENAI_API_KEY_SET"
"""`yes` or `no`: whether whoever started the run had a key."""
SIMULATED = "OPENAI_SIMULATED"
"""`yes` if the base URL is an embedded model server."""

BASE_URL_DEFAULT = "https://api.openai.com/v1"
MODEL_SIMULATED = "sim-small"
"""What the embedded model server calls its usual model."""


def collect(
    explicit: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the settings of a run that starts now.

    Args:
        explicit: What the user chose; goes before the environment.
        environ: The environment; the process's own by default.

    Raises:
        UsageError: A URL can't be one, or a key was given as a setting.
    """
    environ = os.environ if environ is None else environ
    explicit = explicit or {}
    _refuse_keys(explicit)
    found = {name: environ[name] for name in (BASE_URL, MODEL) if environ.get(name)}
    found[KEY_SET] = "yes" if environ.get(KEY) else "no"
    found.update(explicit)
    if BASE_URL in found:
        found[BASE_URL] = _checked_url(found[BASE_URL])
    return found


def simulated(base_url: str) -> dict[str, str]:
    """Return the settings of a run that uses an embedded model server.

    Args:
        base_url: The server's, with `/v1`.
    """
    return {BASE_URL: base_url, MODEL: MODEL_SIMULATED, SIMULATED: "yes"}


def here() -> Mapping[str, str]:
    """Return the settings that hold here: the run's inside a handler, else the environment's."""
    cell = cell_here()
    return collect() if cell is None else run_of(cell).settings


def base_url_of(settings: Mapping[str, str]) -> str:
    """Return the base URL of the model's API, without a slash at its end.

    Raises:
        UsageError: None was configured, and there is no key for the public one.
    """
    url = settings.get(BASE_URL)
    if url is None and settings.get(KEY_SET) == "no":
        raise UsageError(
            f"No model is configured: the run has neither {BASE_URL} nor {KEY}.",
            cause="They are read from the environment when a run starts, and recorded with it.",
            fix=f"Set {KEY}; or run `agentmesh models serve` and set {BASE_URL} to what it prints.",
        )
    return (url or BASE_URL_DEFAULT).rstrip("/")


def model_of(settings: Mapping[str, str]) -> str:
    """Return the model to use where none is named.

    Raises:
        UsageError: None was configured.
    """
    model = settings.get(MODEL)
    if model:
        return model
    if settings.get(SIMULATED) == "yes":
        return MODEL_SIMULATED
    raise UsageError(
        f"No model was named, and the run has no {MODEL}.",
        fix=f'Name it: `am.llm(..., model="...")`; or set {MODEL} when you start the run.',
    )


def _refuse_keys(explicit: Mapping[str, str]) -> None:
    for name in explicit:
        if name.endswith(("_API_KEY", "_TOKEN", "_SECRET")):
            raise UsageError(
                f"{name} was given as a setting of the run.",
                cause="Settings are recorded in the journal, where no key belongs.",
                fix=f"Set {name} in the environment of the hosts instead.",
            )


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{BASE_URL} is {url!r}, which is no URL of an API.",
            fix=f"Write it in full, such as {BASE_URL_DEFAULT} or http://127.0.0.1:8000/v1.",
        )
    if parts.username or parts.password:
        raise UsageError(
            f"{BASE_URL} for {parts.hostname} has a user name or password in it.",
            cause="The URL is recorded in the journal, where no secret belongs.",
            fix=f"Put the secret into {KEY}.",
        )
    return url.rstrip("/")
