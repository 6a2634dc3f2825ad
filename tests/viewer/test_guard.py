"""Who may ask the viewer's server: one test for each rule."""

import pytest

from agentmesh.errors import UsageError
from agentmesh.viewer.guard import is_loopback
from agentmesh.viewer.server import ViewServer
from tests.viewer.asking import READING, RUN, ask

RUNNING = (f"{RUN}/state?ref=3", f"{RUN}/states?ref=3", f"{RUN}/when?expr=Writer.drafts")
"""What runs the program, and is refused before that."""
EVERY = (*READING, *RUNNING, f"{RUN}/fork", "/nothing")


def test_every_route_is_in_this_file(viewed: ViewServer) -> None:
    """A new route that no rule was tried on fails here."""
    tried = {_pattern(path) for path in EVERY} - {"/nothing"}
    known = {getattr(route, "path", "") for route in viewed._viewer.app().routes}
    assert tried == known


def _pattern(path: str) -> str:
    plain = path.partition("?")[0]
    for given, name in (
        ("runs/news", "runs/{run}"),
        ("columns/turns", "columns/{table}"),
        ("previews/messages", "previews/{table}"),
        ("findings/races.json", "findings/{name}"),
        ("static/index.html", "static/{name:path}"),
    ):
        plain = plain.replace(given, name)
    return plain


@pytest.mark.parametrize("path", EVERY)
def test_without_the_token_nothing_is_told(viewed: ViewServer, path: str) -> None:
    """Somebody else on this machine knows the port."""
    for headers in (
        {},
        {"cookie": f"{viewed._guard.cookie}=wrong"},
        {"cookie": f"agentmesh_viewer_1={viewed.token}"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {viewed.token}"},
    ):
        assert ask(viewed, path, headers=headers, known=False).status in (401, 405)
        assert viewed.token.encode() not in ask(viewed, path, headers=headers, known=False).body


@pytest.mark.parametrize("path", EVERY)
def test_another_hosts_name_is_refused_on_every_route(viewed: ViewServer, path: str) -> None:
    """By DNS rebinding a page's own host means this machine, and it has the cookie."""
    for host in ("evil.test", f"evil.test:{viewed.port}", f"localhost:{viewed.port + 1}", ""):
        refused = ask(viewed, path, headers={"host": host})
        assert refused.status == 403
        assert refused.error["type"] == "HostError"


def test_two_hosts_are_refused(viewed: ViewServer) -> None:
    """A proxy may look at one of them, and a server at the other."""
    right = viewed.address.removeprefix("http://")
    assert ask(viewed, "/api/config", headers=[("host", right), ("host", right)]).status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_names_of_this_machine_are_answered(viewed: ViewServer, name: str) -> None:
    """People type any of them."""
    host = f"{name}:{viewed.port}"
    assert ask(viewed, "/api/config", headers={"host": host}).status == 200


@pytest.mark.parametrize("path", EVERY)
def test_another_pages_request_is_refused_on_every_route(viewed: ViewServer, path: str) -> None:
    """The browser says who asks, and sends the cookie all the same."""
    for headers in (
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{viewed.port + 1}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        refused = ask(viewed, path, headers=headers)
        assert refused.status == 403
        assert refused.error["type"] == "OriginError"


def test_the_pages_own_requests_are_answered(viewed: ViewServer) -> None:
    """They name themselves as the origin, or say that they are of the same."""
    own = {"origin": viewed.address, "sec-fetch-site": "same-origin"}
    assert ask(viewed, "/api/config", headers=own).status == 200
    assert ask(viewed, "/", headers={"sec-fetch-site": "none"}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"])
def test_no_other_method_than_reading_passes(viewed: ViewServer, method: str) -> None:
    """A list of what is allowed can't miss one."""
    for path in EVERY:
        if path.endswith("/fork") and method == "POST":
            continue
        assert ask(viewed, path, method=method).status == 405


def test_nobody_else_may_read_by_script(viewed: ViewServer) -> None:
    """There is no header that lets another page read an answer."""
    for path in READING[:8]:
        answered = ask(viewed, path, headers={"origin": viewed.address})
        assert not [name for name in answered.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.test"},
        {"origin": "http://evil.test"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/", "/static/index.html", "/api/config", "/nothing", RUN])
def test_every_answer_says_what_a_page_may_do(
    viewed: ViewServer, path: str, headers: dict[str, str]
) -> None:
    """Refusals, too: they show what was asked for."""
    said = ask(viewed, path, headers=headers).headers
    policy = said["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert said["x-content-type-options"] == "nosniff"
    assert said["referrer-policy"] == "no-referrer"
    assert said["x-frame-options"] == "DENY"
    assert said["cross-origin-resource-policy"] == "same-origin"
    assert said["cache-control"] in ("no-store", "no-cache")


def test_what_a_run_says_is_kept_by_nobody(viewed: ViewServer) -> None:
    """Files of the page may be kept, if they are asked about each time; data may not."""
    assert ask(viewed, RUN).headers["cache-control"] == "no-store"
    page = ask(viewed, "/static/index.html")
    assert page.headers["cache-control"] == "no-cache"
    known = ask(viewed, "/static/index.html", headers={"if-none-match": page.headers["etag"]})
    assert (known.status, known.body) == (304, b"")


def test_the_token_is_given_for_a_cookie_that_scripts_cannot_read(viewed: ViewServer) -> None:
    """And it does not stay in the address."""
    answered = ask(viewed, f"/?token={viewed.token}", known=False)
    assert answered.status == 303
    assert answered.headers["location"] == "/"
    cookie = answered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "path=/" in cookie.lower()
    name, _, value = cookie.partition(";")[0].partition("=")
    assert (
        ask(viewed, "/api/config", headers={"cookie": f"{name}={value}"}, known=False).status == 200
    )


@pytest.mark.parametrize("query", ["token=", "token=wrong", "token=%00", "token=a&token=b"])
def test_a_wrong_token_opens_nothing(viewed: ViewServer, query: str) -> None:
    """It is answered with words, and no cookie."""
    answered = ask(viewed, f"/?{query}", known=False)
    assert answered.status == 401
    assert "set-cookie" not in answered.headers
    assert b"<script" not in answered.body


def test_a_token_does_not_count_elsewhere_in_the_address(viewed: ViewServer) -> None:
    """Only the page takes it: an address of data with a token would be passed on."""
    assert ask(viewed, f"/api/config?token={viewed.token}", known=False).status == 401


def test_a_ticket_for_a_command_line_counts_once(viewed: ViewServer) -> None:
    """Others see with which words a browser was started."""
    path = viewed.ticket_url().removeprefix(viewed.address)
    assert viewed.token not in path
    assert ask(viewed, path, known=False).status == 303
    assert ask(viewed, path, known=False).status == 401


def test_each_start_has_another_token(store: str) -> None:
    """Of 256 bits, and nobody guesses that."""
    servers = [ViewServer(store) for _ in range(2)]
    tokens = {server.token for server in servers}
    for server in servers:
        server.stop()
    assert len(tokens) == 2
    assert all(len(token) >= 43 for token in tokens)


def test_it_listens_on_this_machine_alone(viewed: ViewServer) -> None:
    """Unless somebody says otherwise."""
    assert is_loopback(viewed._listening.getsockname()[0])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])
def test_another_address_needs_to_be_allowed(store: str, host: str) -> None:
    """One option may be a slip; two are none."""
    with pytest.raises(UsageError, match="others can reach") as caught:
        ViewServer(store, host=host)
    assert "--allow-remote" in caught.value.fix


def test_an_address_that_is_allowed_is_answered_for_by_its_name_only(store: str) -> None:
    """The rule about hosts holds there, too."""
    server = ViewServer(store, host="0.0.0.0", allow_remote=True)
    try:
        assert ask(server, "/api/config", headers={"host": f"0.0.0.0:{server.port}"}).status == 200
        assert (
            ask(server, "/api/config", headers={"host": f"evil.test:{server.port}"}).status == 403
        )
    finally:
        server.stop()


def test_a_branch_can_be_made_only_where_that_was_allowed(store: str) -> None:
    """A page that is looked at can't make the program run."""
    server = ViewServer(store)
    try:
        config = ask(server, "/api/config").json
        assert (config["control"], config["control_token"]) == (False, None)
        headers = {
            "content-type": "application/json",
            "x-agentmesh-control": server._viewer.control_token,
        }
        refused = ask(server, f"{RUN}/fork", method="POST", headers=headers, body=b"{}")
        assert (refused.status, refused.error["type"]) == (403, "ControlOffError")
    finally:
        server.stop()


def test_a_branch_needs_a_header_and_json(viewed: ViewServer) -> None:
    """Another page can send a form with the cookie, and neither of these."""
    right = ask(viewed, "/api/config").json["control_token"]
    for headers in (
        {},
        {"content-type": "application/json"},
        {"content-type": "application/json", "x-agentmesh-control": "wrong"},
        {"content-type": "application/json", "x-agentmesh-control": viewed.token},
        {"content-type": "text/plain", "x-agentmesh-control": right},
        {"content-type": "application/x-www-form-urlencoded", "x-agentmesh-control": right},
    ):
        refused = ask(viewed, f"{RUN}/fork", method="POST", headers=headers, body=b"{}")
        assert (refused.status, refused.error["type"]) == (403, "ControlOffError")
