"""API keys stay outside of handlers: what a handler has is a name, replaced when it is sent.

The placeholder names an environment variable of the host. Only the performer, on the
host, looks it up; a replay needs no key at all.
"""

import os
import re
from collections.abc import Mapping

from agentmesh.errors import UsageError

_MARK = "agentmesh-env:"
_FOUND = re.compile(_MARK + r"([A-Za-z_][A-Za-z0-9_]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def key_from_env(name: str) -> str:
    """Return what to hand to an SDK as its API key: the host puts the real one in.

    Args:
        name: The environment variable that has the key on the host that sends the request.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of an environment variable.",
            cause="The key itself must not be in the program.",
            fix='Name the variable that holds it: `am.key_from_env("OPENAI_API_KEY")`.',
        )
    return _MARK + name


def names_in(value: str) -> list[str]:
    """Return which variables the placeholders in a header name."""
    return _FOUND.findall(value)


def filled(value: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return a header's value with the real keys; None if one is not set here."""
    environ = os.environ if environ is None else environ
    names = names_in(value)
    if any(not environ.get(name) for name in names):
        return None
    return _FOUND.sub(lambda match: environ[match[1]], value)
