"""Which Ray a run is on, before there is any."""

import os
import socket
from pathlib import Path

import pytest

from agentmesh.errors import FabricError
from agentmesh.fabric import cluster
from agentmesh.fabric.options import RayOptions


def test_a_cluster_that_nobody_listens_at_is_said_at_once() -> None:
    """Ray itself would try for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(FabricError, match=rf"no Ray cluster at 127.0.0.1:{port}"):
        cluster._check_reachable(f"127.0.0.1:{port}")


def test_ray_client_is_refused_with_the_way_to_do_it() -> None:
    """Its driver is outside the cluster."""
    with pytest.raises(FabricError, match="ray job submit"):
        cluster._check_reachable("ray://head:10001")


def test_what_is_set_for_a_fresh_ray_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash seed is for the processes that Ray starts, not for what the user starts later."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.delenv(cluster.HASH_SEED, raising=False)
    before = dict(os.environ)
    with cluster._environment("7"):
        assert os.environ[cluster.HASH_SEED] == "7"
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"

    assert dict(os.environ) == before


@pytest.mark.parametrize(("writable", "own"), [(True, False), (False, True)])
def test_a_home_that_can_not_be_written_gets_a_token_for_this_ray_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool, own: bool
) -> None:
    """A container whose file system is read-only; elsewhere Ray keeps its token in the home."""
    home = tmp_path / "home"
    if writable:
        home.mkdir()
    else:
        home.touch()  # nothing can be made below a file
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with cluster._token_chosen(local=True):
        assert ("RAY_AUTH_TOKEN" in os.environ) is own


def test_a_cluster_of_others_gets_no_token_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started it has chosen one."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nothing" / "here")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    with cluster._token_chosen(local=False):
        assert "RAY_AUTH_TOKEN" not in os.environ


def test_options_say_where_ray_is() -> None:
    """By default nothing is started that a run does not need."""
    options = RayOptions()

    assert (options.address, options.keep, options.include_dashboard) == (None, False, False)
