"""What can be asked of the viewer's server, and how much: no path leads out, nothing is endless."""

import hashlib
from pathlib import Path

import pytest

from agentmesh.viewer import files
from agentmesh.viewer.guard import BODY_BYTES_MAX, HEADER_BYTES_MAX, QUERY_BYTES_MAX
from agentmesh.viewer.server import ViewServer
from tests.viewer.asking import READING, RUN, ask


@pytest.mark.parametrize(
    "name",
    [
        "../guard.py",
        "..%2fguard.py",
        "%2e%2e/guard.py",
        "logic/../../guard.py",
        "/etc/passwd",
        "//etc/passwd",
        "..\\guard.py",
        ".hidden.js",
        "",
        "logic",
        "nothing.js",
        "index.html%00.js",
    ],
)
def test_no_path_leads_out_of_the_pages_files(viewed: ViewServer, name: str) -> None:
    """Nor to folders, hidden files, or files of other kinds."""
    assert ask(viewed, f"/static/{name}").status == 404


def test_files_of_other_kinds_and_links_are_not_served(
    viewed: ViewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has put them into the folder."""
    folder = tmp_path / "static"
    folder.mkdir()
    (tmp_path / "secret.js").write_text("secret")
    (folder / "notes.py").write_text("secret")
    (folder / "link.js").symlink_to(tmp_path / "secret.js")
    (folder / "own.js").write_text("own")
    monkeypatch.setattr(files, "STATIC", folder)
    statuses = [ask(viewed, f"/static/{n}").status for n in ("notes.py", "link.js", "own.js")]
    assert statuses == [404, 404, 200]


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "%2e%2e",
        "..%2fnews",
        "news%2f..",
        "-x",
        "a" * 129,
        "redaction.key",
        "n%00",
        "new",
    ],
)
def test_a_runs_id_is_a_name_and_no_path(viewed: ViewServer, name: str) -> None:
    """Nor is the beginning of one enough."""
    assert ask(viewed, f"/api/runs/{name}").status in (400, 404)


def test_a_link_to_a_folder_elsewhere_is_no_run(own_store: Path, tmp_path: Path) -> None:
    """A store from somebody else may lead anywhere."""
    (tmp_path / "inside").mkdir()
    (own_store / "news").rename(tmp_path / "inside" / "news")
    store = tmp_path / "store"
    store.mkdir()
    (store / "news").symlink_to(tmp_path / "inside" / "news")
    server = ViewServer(str(store))
    try:
        assert ask(server, RUN).status == 404
        listed = ask(server, "/api/runs").json
        assert listed["runs"] == []
        assert [problem["id"] for problem in listed["problems"]] == ["news"]
    finally:
        server.stop()


def test_long_addresses_headers_and_bodies_are_refused(viewed: ViewServer) -> None:
    """Before anybody reads them."""
    right = ask(viewed, "/api/config").json["control_token"]
    assert ask(viewed, "/?" + "a" * (QUERY_BYTES_MAX + 1)).status == 431
    assert ask(viewed, "/", headers={"x-long": "a" * HEADER_BYTES_MAX}).status == 431
    headers = {
        "content-type": "application/json",
        "content-length": str(BODY_BYTES_MAX + 1),
        "x-agentmesh-control": right,
    }
    assert ask(viewed, f"{RUN}/fork", method="POST", headers=headers).status == 413


@pytest.mark.parametrize(
    "path",
    [
        f"{RUN}/columns/turns?limit=250001",
        f"{RUN}/columns/turns?since=-1",
        f"{RUN}/columns/nothing",
        f"{RUN}/previews/messages?rows=0-500",
        f"{RUN}/previews/messages?rows=0-99999999999999999999",
        f"{RUN}/previews/events?rows=0",
        f"{RUN}/event?ref=0&limit=99999999",
        f"{RUN}/event?ref=0&ref=1",
        f"{RUN}/event",
        f"{RUN}/live?wait=3600",
        f"{RUN}/state?ref=0&seconds=9999",
        f"{RUN}/search?kind=nothing",
        f"{RUN}/search?limit=0",
        f"{RUN}/causes?ref=0&limit=100000",
        f"{RUN}/steps?ref=0&by=magic",
        "/api/diff?a=news",
    ],
)
def test_what_is_asked_for_has_limits(viewed: ViewServer, path: str) -> None:
    """Each is refused with what may be asked for."""
    refused = ask(viewed, path)
    assert refused.status == 400
    assert refused.error["type"] == "UsageError"


def test_looking_changes_nothing_in_the_store(store: str) -> None:
    """All of it may be asked for a run, and its files are as they were."""
    before = _digest(Path(store))
    server = ViewServer(store)
    try:
        for path in READING:
            ask(server, path)
        server.desk.run("news").wait_complete()
    finally:
        server.stop()
    assert _digest(Path(store)) == before


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
