"""Joining a Ray cluster, or starting one on this machine, and leaving it again.

All hosts of a run share one recorded hash seed. A fresh local Ray gets it by its
environment, so that workers that are started ahead inherit it; on a cluster that runs
already, each host asks for it, which costs a new worker process.
"""

import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from agentmesh.errors import FabricError
from agentmesh.fabric.calls import first_line
from agentmesh.fabric.options import RayOptions

ADDRESS_VARIABLE = "RAY_ADDRESS"
HASH_SEED = "PYTHONHASHSEED"
LOCAL = "local"
REACH_SECONDS = 5.0
"""How long the head of a cluster may take to accept a connection."""

_own: dict[str, str | None] = {}
"""Hash seed of the local Ray that this process started, by the session's name."""


@contextlib.contextmanager
def connected(options: RayOptions, hash_seed: str | None) -> Iterator[dict[str, str]]:
    """Be connected to Ray, as the options say.

    Args:
        options: Which Ray.
        hash_seed: Seed of `hash(str)` in all hosts of the run; None if it does not matter.

    Yields:
        Environment variables that hosts must ask for, because Ray was started without.

    Raises:
        FabricError: There is no such cluster, or Ray does not start.
    """
    joined = ray.is_initialized()
    if joined:
        _check_same(options.address)
    else:
        _init(options, hash_seed)
    try:
        yield _missing(hash_seed)
    finally:
        if not joined and not options.keep:
            _own.clear()
            ray.shutdown()


def kept_hash_seed() -> str | None:
    """Return the hash seed of the Ray that this process keeps: a run with it starts faster."""
    return next(iter(_own.values()), None) if ray.is_initialized() else None


def _init(options: RayOptions, hash_seed: str | None) -> None:
    address = options.address or os.environ.get(ADDRESS_VARIABLE) or LOCAL
    arguments: dict[str, Any] = {
        "address": address,
        "log_to_driver": options.log_to_driver,
        "logging_level": logging.WARNING,
    }
    local = address == LOCAL
    if not local:
        _check_reachable(address)
    else:
        arguments |= {
            "num_cpus": options.num_cpus,
            "num_gpus": options.num_gpus,
            "include_dashboard": options.include_dashboard,
        }
    with _environment(hash_seed if local else None), _token_chosen(local=local):
        try:
            ray.init(**arguments)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise _unreachable(address, error) from error
    if local:
        _own[_session_name()] = hash_seed


def _check_same(address: str | None) -> None:
    """Refuse to run somewhere else than asked for."""
    here = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", LOCAL, here):
        raise FabricError(
            f"This process is connected to the Ray at {here}, not to {address}.",
            cause="A process is connected to one Ray at a time; an earlier run or ray.init() did.",
            fix="Leave the address away, or call ray.shutdown() first.",
            address=address,
        )


def _check_reachable(address: str) -> None:
    """Say at once what Ray itself says after minutes: nobody listens there."""
    if "://" in address:
        raise FabricError(
            f"agentmesh can't run through {address}: that is Ray Client.",
            cause="Its driver is not part of the cluster, so it can't hold a run together.",
            fix="Submit the program as a job: `ray job submit --working-dir . -- python app.py`.",
            address=address,
        )
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _unreachable(address, error) from error


@contextlib.contextmanager
def _environment(hash_seed: str | None) -> Iterator[None]:
    """Let what is started inside inherit what all hosts need."""
    quiet = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    wanted = {name: os.environ.get(name, value) for name, value in quiet.items()}
    if hash_seed is not None:
        wanted[HASH_SEED] = hash_seed
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _token_chosen(*, local: bool) -> Iterator[None]:
    """Keep a local Ray to this user by a token, as Ray does by itself, without its warning.

    Ray keeps the token in the user's home. Where that can't be written, as in many a
    container, this Ray gets a token of its own, in the environment of its processes.
    """
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if local and mode == "token" and not _can_keep_token():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    logger = logging.getLogger("ray._private.authentication.authentication_token_setup")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _can_keep_token() -> bool:
    """Tell whether Ray finds a token, or can write one."""
    if os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}:
        return True
    folder = Path.home() / ".ray"
    if (folder / "auth_token").is_file():
        return True
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _missing(hash_seed: str | None) -> dict[str, str]:
    if hash_seed is None or _own.get(_session_name()) == hash_seed:
        return {}
    return {HASH_SEED: hash_seed}


def _session_name() -> str:
    return str(ray.get_runtime_context().get_session_name())


def _unreachable(address: str, error: Exception) -> FabricError:
    if address == LOCAL:
        return FabricError(
            f"Ray did not start on this machine: {first_line(error)}.",
            cause="Usually /tmp or /dev/shm is full, or a port is taken.",
            fix="Make room and try again, or run without Ray: `am.run(..., local=True)`.",
        )
    return FabricError(
        f"There is no Ray cluster at {address}: {first_line(error)}.",
        cause="Usually the address is wrong, the cluster is down, or its token is not in "
        "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH.",
        fix="Check it with `ray status --address ...`, or run on a fresh local Ray by leaving "
        "the address away.",
        address=address,
    )
