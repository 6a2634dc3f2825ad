"""What the routes say of recorded runs, held against the record and against what agentmesh says."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import agentmesh as am
from agentmesh.mesh.comparing import diff
from agentmesh.viewer.server import ViewServer
from tests.viewer.asking import ask, columns

RUN = "/api/runs/news"


def get(server: ViewServer, path: str) -> Any:
    """Return an answer that must be there."""
    found = ask(server, path)
    assert found.status == 200, found.body[:500]
    return found.json


def event_of(server: ViewServer, kind: str, words: str, run: str = "news") -> dict[str, Any]:
    """Return all about the first event of a kind with these words."""
    rows = columns(server, run, "events").rows()
    for row in range(len(rows)):
        told: dict[str, Any] = get(server, f"/api/runs/{run}/event?ref={row}")
        if told["kind"] == kind and words in told["what"]:
            return told
    raise AssertionError(words)


def test_the_list_has_all_runs_the_newest_first_with_forks_below_their_parents(
    viewed: ViewServer,
) -> None:
    """Their figures are there, as all of them were looked at."""
    listed = get(viewed, "/api/runs")
    runs = {run["id"]: run for run in listed["runs"]}
    assert set(runs) == {"news", "hostile", "other", "asked"}
    assert listed["runs"][-1]["id"] == "news"
    assert listed["pending"] == 0
    assert (runs["other"]["parent"], runs["other"]["fork_event"]) == ("news", "Writer/w1@2")
    assert runs["other"]["edits"][0]["edit"] == "result"
    assert runs["news"]["status"] == "done"
    assert runs["news"]["figures"]["failures"] > 0
    assert runs["asked"]["figures"]["cost_usd"] > 0
    assert runs["asked"]["figures"]["simulated_cost"]
    assert ask(viewed, f"/api/runs?seen={listed['version']}").status == 304


def test_figures_of_runs_that_nobody_opened_come_by_and_by(store: str) -> None:
    """They take a reading, and the list does not wait for it."""
    server = ViewServer(store)
    try:
        first = get(server, "/api/runs")
        assert first["pending"] == 4
        thread = server._viewer.catalogue._thread
        assert thread is not None
        thread.join(60)
        later = get(server, "/api/runs")
        assert later["pending"] == 0
        assert all(run["figures"]["events"] for run in later["runs"])
        assert later["version"] != first["version"]
        counted = {run["id"]: run["figures"] for run in later["runs"]}
        for name, figures in counted.items():
            server.desk.run(name).wait_complete()
            again = next(r for r in get(server, "/api/runs")["runs"] if r["id"] == name)["figures"]
            same = figures.keys() - {"turns", "failures"}  # attempts are turns of their own there
            assert {k: again[k] for k in same} == {k: figures[k] for k in same}
    finally:
        server.stop()


def test_a_runs_page_says_who_was_there(viewed: ViewServer, store: str) -> None:
    """Agents by number, totals, where it comes from."""
    info = get(viewed, RUN)
    with am.open_run("news", store=store) as run:
        assert [one["address"] for one in info["agents"]] == run.addresses()
        assert [one["events"] for one in info["agents"]] == [
            run.count_steps(address) for address in run.addresses()
        ]
    assert info["complete"]
    assert not info["growing"]
    assert info["rows"]["events"] == info["figures"]["events"]
    assert int(info["start_ns"]) / 1e6 == pytest.approx(info["start_ms"])
    assert get(viewed, "/api/runs/other")["parents"] == ["news"]


@pytest.mark.parametrize("table", ["turns", "effects", "messages", "events", "logs"])
def test_columns_come_in_pieces_of_any_size(viewed: ViewServer, table: str) -> None:
    """And all pieces together are the whole."""
    whole = columns(viewed, "news", table)
    assert columns(viewed, "news", table, limit=3).rows() == whole.rows()
    assert whole.header is not None
    assert whole.header["complete"]
    for codes in whole.header["dictionaries"].values():
        assert codes[0] == ""


def test_rows_of_another_generation_are_refused(viewed: ViewServer) -> None:
    """The page begins anew then."""
    refused = ask(viewed, f"{RUN}/columns/turns?generation=7")
    assert (refused.status, refused.error["type"]) == (409, "GenerationError")


def test_previews_are_the_beginnings_of_payloads(viewed: ViewServer) -> None:
    """Of the rows that are asked for; rows that are not there are left out."""
    said = get(viewed, f"{RUN}/previews/messages?rows=0-2,9999")["previews"]
    assert [one["row"] for one in said] == [0, 1, 2]
    effects = get(viewed, f"{RUN}/previews/effects?rows=0-5")["previews"]
    assert any('"rain"' in one["text"] and "RAIN" in one["text"] for one in effects)
    logs = get(viewed, f"{RUN}/previews/logs?rows=0-9")["previews"]
    assert any(one["text"].startswith('wrote {"topic":"rain"') for one in logs)


def test_an_event_with_a_message_tells_all_about_it(viewed: ViewServer) -> None:
    """Where it was sent, what became of it, what handling it issued, where that went."""
    told = event_of(viewed, "delivered", "ask write(Job) from Editor/e1")
    assert told["ref"] == f"{told['agent']}@{told['step']}"
    message = told["message"]
    assert (message["sender"], message["handler"], message["type"]) == ("Editor/e1", "write", "Job")
    assert message["sent"]["ref"].startswith("Editor/e1@")
    assert message["outcome"] == "done"
    assert message["ended"]["row"] > told["row"]
    assert json.loads(told["payload"]["text"]) == {"topic": "rain", "times": 2}
    assert json.loads(told["payload"]["pretty"]) == {"topic": "rain", "times": 2}
    (effect,) = [one for one in told["commands"] if one["kind"] == "start_effect"]
    assert effect["link"]["kind"] == "finished"
    assert effect["link"]["what"].startswith("tool look_up finished after")
    assert told["turn"]["handler"] == "write"
    assert told["cause"] == message["sent"]
    assert told["source"]["function"] == "Writer.write"
    assert told["source"]["file"] == str(Path(__file__).with_name("programs.py"))
    line = Path(told["source"]["file"]).read_text().splitlines()[told["source"]["line"] - 1]
    assert line.strip() == told["source"]["text"]
    assert (
        told["debug_line"] == f"agentmesh debug news --agent {told['agent']} --event {told['step']}"
    )


def test_an_event_that_ends_an_effect_tells_what_was_asked(viewed: ViewServer) -> None:
    """And how long it took."""
    told = event_of(viewed, "finished", "tool look_up")
    effect = told["effect"]
    assert effect["status"] == "finished"
    assert effect["duration_ns"] == told["at_ns"] - effect["began"]["at_ns"]
    assert "rain" in effect["request"]["text"]
    assert effect["result"]["text"] == '"RAIN"'
    failed = event_of(viewed, "failed", "tool look_up failed")
    assert failed["effect"]["error"]["what"]
    assert failed["effect"]["result"] is None


def test_a_failed_message_has_its_error_and_traceback(viewed: ViewServer) -> None:
    """As people look for first."""
    told = event_of(viewed, "delivered", "ask write(Job) from newsroom/root")
    assert told["message"]["outcome"] == "failed"
    assert "nothing about nothing" in told["message"]["error"]["what"]
    assert "Traceback" in told["message"]["traceback"]


def test_a_model_call_is_a_conversation(viewed: ViewServer) -> None:
    """With what it used and cost."""
    told = event_of(viewed, "finished", "http POST", run="asked")
    said = told["conversation"]
    assert (said["model"], said["api"]) == ("sim-small", "chat")
    assert [(one["role"], one["text"]) for one in said["messages"]] == [
        ("system", "Be brief."),
        ("user", "What is new?"),
    ]
    assert said["answer"][0]["text"] == "Nothing."
    assert said["usage"]["input_tokens"] > 0
    assert said["cost_usd"] == told["effect"]["cost_usd"] > 0


def test_links_say_the_same_as_the_record(viewed: ViewServer, store: str) -> None:
    """Although they are made of columns alone; what errors say is left out."""
    from agentmesh.causality.summaries import Teller
    from agentmesh.viewer.words import Words

    with am.open_run("news", store=store) as run:
        order = run.order()
        teller, words = Teller(run, order), Words(viewed.desk.run("news").building)
        for event in map(order.event, range(len(order))):
            expected = teller.summary(event).what
            found = words.what(event)
            if found in ("a message is no longer wanted", "stopped") or "waited" in found:
                continue  # timers: how long it was, and not how long it was to be
            assert expected == found or expected.startswith(f"{found}: "), event


def test_causes_and_effects_are_those_of_the_command_line(viewed: ViewServer, store: str) -> None:
    """Their cones, too."""
    with am.open_run("news", store=store) as run:
        addresses = run.addresses()
        for number in range(0, len(run.order()), 7):
            for route, tree, cone in (
                ("causes", run.why(number), run.graph().past),
                ("effects-of", run.effects_of(number), run.graph().future),
            ):
                said = get(viewed, f"{RUN}/{route}?ref={number}")
                assert [node["event"] for node in said["tree"]] == [
                    str(node.event) for node, _ in tree.nodes()
                ]
                spans = cone(run.order().event(number)).steps()
                assert said["cone"] == [[addresses.index(a), *s] for a, s in spans.items()]
                assert said["events"] == tree.events


def test_waits_are_those_of_the_command_line(viewed: ViewServer, store: str) -> None:
    """Of all agents, and of one."""
    with am.open_run("news", store=store) as run:
        start = run.order().event(0).at
        for agent in ("", "Editor", "newsroom/root"):
            expected = run.waits(*([a for a in run.addresses() if a.startswith(agent)]))
            said = get(viewed, f"{RUN}/waits?agent={agent}")
            assert said["count"] == expected.count
            told = {(w["began"], w["on"], w["call"]): w for w in said["waits"]}
            for wait in expected.waits:
                one = told[wait.began, wait.on, wait.call]
                assert (one["from_ns"], one["to_ns"]) == (wait.from_ns - start, wait.to_ns - start)
                assert (one["ended"], one["outcome"]) == (wait.ended, wait.outcome)
            assert [(p["agent"], p["on"], p["waits"], p["total_ns"]) for p in said["pairs"]] == [
                (p.agent, p.on, p.waits, p.total_ns) for p in expected.pairs
            ]


def test_the_critical_path_accounts_for_all_the_time(viewed: ViewServer) -> None:
    """From the run's first event to the one at which the workflow ended."""
    said = get(viewed, f"{RUN}/critical-path")
    assert said["to"].startswith("newsroom/root@")
    assert sum(said["by_kind"].values()) == said["total_ns"] == sum(said["by_agent"].values())
    segments = said["segments"]
    assert segments[0]["to"] == said["to"]
    for later, earlier in pairwise(segments):
        assert later["from"] == earlier["to"]
        assert later["from_ns"] == earlier["to_ns"]
    assert segments[-1]["from_ns"] == 0
    assert {"message", "effect", "timer"} <= said["by_kind"].keys()


@pytest.mark.parametrize("direction", ["next", "previous"])
def test_steps_go_by_event_by_agent_and_by_handler(viewed: ViewServer, direction: str) -> None:
    """To the ends, where there is none."""
    sign = 1 if direction == "next" else -1
    here = event_of(viewed, "delivered", "ask write(Job) from newsroom/root")
    for by, ref in (
        ("event", here["row"] + sign),
        ("agent", f"{here['agent']}@{here['step'] + sign}"),
    ):
        link = get(viewed, f"{RUN}/steps?ref={here['ref']}&by={by}&direction={direction}")["link"]
        assert ref in (link["row"], link["ref"])
    found, ref = [], here["ref"]
    while True:
        link = get(viewed, f"{RUN}/steps?ref={ref}&by=handler&direction={direction}")["link"]
        if link is None:
            break
        found.append(link["what"])
        ref = link["ref"]
    assert all(what.startswith("ask write(Job)") for what in found)
    assert found if direction == "previous" else not found


def test_a_search_finds_what_the_command_line_finds(viewed: ViewServer, store: str) -> None:
    """By text, by path, by type, by agent; in pieces."""
    with am.open_run("news", store=store) as run:
        for query, asked in (
            ("text=rain", {"text": "rain"}),
            ("where=$.times%20>%201", {"where": "$.times > 1"}),
            ("failed=1", {"failed": True}),
            ("type=look_up&kind=effect", {"type": "look_up", "kinds": ["effect"]}),
            ("agent=Writer&text=rain", {"text": "rain", "agents": ["Writer"]}),
        ):
            expected = [hit.event for hit in run.search(**asked)]
            found, cursor = [], ""
            while cursor is not None:
                more = f"&cursor={cursor}" if cursor else ""
                said = get(viewed, f"{RUN}/search?{query}&limit=2{more}")
                assert len(said["hits"]) <= 2
                found += [hit["event"] for hit in said["hits"]]
                cursor = said["cursor"]
            assert found == expected


def test_a_search_that_was_given_up_says_so(viewed: ViewServer) -> None:
    """Only the latest few are kept."""
    first = get(viewed, f"{RUN}/search?limit=1")
    for _ in range(5):
        get(viewed, f"{RUN}/search?limit=1")
    refused = ask(viewed, f"{RUN}/search?cursor={first['cursor']}")
    assert "given up" in refused.error["what"]
    assert ask(viewed, f"{RUN}/search?where=$[").status == 400


def test_two_runs_part_where_the_command_line_says(viewed: ViewServer, store: str) -> None:
    """The first divergence first, and up to where each agent did the same."""
    said = get(viewed, "/api/diff?a=news&b=other")
    expected = diff("news", "other", store=store)
    told = [(one["agent"], one["kind"], one["pointer"]) for one in said["partings"]]
    assert told == [(p.agent, p.kind, p.pointer) for p in expected.alignment.partings]
    assert said["partings"][0]["one"]["payload"] == "RAIN"
    assert said["partings"][0]["other"]["payload"] == "SNOW"
    assert said["fork"]["parent"] == "a"
    assert said["fork"]["event"] == "Writer/w1@2"
    until = {one["address"]: one["same_until"] for one in said["agents"]}
    assert until["Writer/w1"] == 2
    assert get(viewed, "/api/diff?a=news&b=news")["identical"]


def test_two_payloads_are_told_apart_line_by_line(viewed: ViewServer) -> None:
    """The lines are those of the indented texts."""
    path = "/api/diff/payload?a=news&a_ref=Writer/w1@2&b=other&b_ref=Writer/w1@2"
    said = get(viewed, path)
    assert said["lines"] == [["-", '"RAIN"'], ["+", '"SNOW"']]
    same = get(viewed, "/api/diff/payload?a=news&a_ref=Writer/w1@1&b=other&b_ref=Writer/w1@1")
    assert {mark for mark, _ in same["lines"]} == {" "}


def test_findings_are_served_as_they_are(own_store: Path) -> None:
    """Damaged ones are told; links and other files are not there."""
    folder = own_store / "news" / "findings"
    folder.mkdir()
    (folder / "races.json").write_text('{"races": [1, NaN, "\\ud800"]}')
    (folder / "broken.json").write_text("{")
    (folder / "notes.txt").write_text("secret")
    (own_store / "secret.json").write_text('"secret"')
    (folder / "link.json").symlink_to(own_store / "secret.json")
    server = ViewServer(str(own_store))
    try:
        said = {one["name"]: one for one in get(server, f"{RUN}/findings")["findings"]}
        assert set(said) == {"races", "broken"}
        assert said["races"]["content"] == {"races": [1, None, "\ud800"]}
        assert said["broken"]["error"]["type"] == "DamagedError"
        assert ask(server, f"{RUN}/findings/races.json").body.startswith(b'{"races"')
        for name in ("link.json", "notes.txt", "..%2frun.json", "none.json"):
            assert ask(server, f"{RUN}/findings/{name}").status == 404
    finally:
        server.stop()


def test_there_is_no_number_that_browsers_do_not_read(viewed: ViewServer) -> None:
    """Infinity is null; the raw text has it as it was recorded."""
    info = get(viewed, "/api/runs/hostile")
    assert all(
        not isinstance(value, float) or math.isfinite(value) for value in info["agents"][0].values()
    )
