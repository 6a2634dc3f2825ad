"""What this process is: recorded with every run, held against it in every replay."""

import hashlib
import os
import platform
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from agentmesh.sdk.agent import AgentType

PACKAGES = (
    "agentmesh",
    "anyio",
    "httpx2",
    "langchain-core",
    "langgraph",
    "msgspec",
    "openai",
    "openai-agents",
    "pydantic",
    "pydantic-ai-slim",
    "pydantic-core",
    "ray",
)
"""Packages whose version can change what a handler does."""


def packages(also: Iterable[str] = ()) -> dict[str, str]:
    """Return the installed versions of the packages that matter, by name.

    Args:
        also: Further ones: what the program itself imports.
    """
    names = (*PACKAGES, *sorted(set(also).difference(PACKAGES)))
    return {name: version for name in names if (version := _version(name))}


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return ""


def python_version() -> str:
    """Return the version of the interpreter."""
    return platform.python_version()


def hash_seed() -> str | None:
    """Return the seed of `hash(str)`, or None where only this process knows it."""
    value = os.environ.get("PYTHONHASHSEED", "")
    if value.isdigit() and not sys.flags.ignore_environment:
        return value
    return "0" if not sys.flags.hash_randomization else None


def hash_fingerprint() -> str:
    """Return something that differs between processes whose hash seeds differ."""
    return f"{hash('agentmesh: which order has a set of strings?') & 0xFFFFFFFFFFFFFFFF:016x}"


def sources(agent_types: Iterable[AgentType]) -> dict[str, str]:
    """Return the SHA-256 of the source of each module that defines one of these agents.

    The program's own module is called `__main__`, whatever name it was imported under.
    """
    found: dict[str, str] = {}
    for made in agent_types:
        file = getattr(sys.modules.get(made.module), "__file__", None)
        if file and Path(file).is_file():
            found[own_name(made.module)] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def own_name(module: str) -> str:
    """Return what a module is called on record: a script is `__main__`, however it was loaded."""
    return "__main__" if module == "__mp_main__" else module
