"""The viewer as people use it: every view in a real browser, on runs that were really recorded."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import agentmesh as am
from agentmesh.viewer.server import ViewServer
from tests.viewer import browser as browsers
from tests.viewer.browser import Viewed, started, viewed

VIEWS = ("timeline", "messages", "travel", "sequence", "agents", "compare", "whatif", "findings")
TEXT = "Writer/w1@1"
"""The event of the hostile run at which a message came that a page must not believe."""


@pytest.fixture(scope="module")
def server(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewServer]:
    """The server, with everything switched on, and findings to show."""
    copied = str(tmp_path_factory.mktemp("browsed") / "runs")
    shutil.copytree(store, copied)  # branches are made here, which other tests don't expect
    store = copied
    list(am.races("news", store=store))
    folder = Path(store) / "news/findings"
    (folder / "experiment-00.json").write_text(json.dumps(EXPERIMENT))
    (folder / "damaged.json").write_text("{")
    with ViewServer(store, control=True) as running:
        yield running


@pytest.fixture(scope="module")
def browser(server: ViewServer) -> Iterator[Browser]:
    """One browser for all; started when all runs are made: its loop and theirs do not mix."""
    with started() as running:
        yield running


@pytest.fixture(scope="module")
def shared(browser: Browser, server: ViewServer) -> Iterator[Viewed]:
    """One window for all tests that leave it as they found it."""
    with viewed(browser, server.url, server.address) as page:
        yield page


@pytest.fixture
def page(shared: Viewed) -> Iterator[Viewed]:
    """The shared window, in which nothing may go wrong."""
    shared.mistakes.clear()
    shared.expected.clear()
    yield shared
    assert shared.mistakes == []


def test_the_list_of_runs_opens_a_run_and_shows_branches_below_their_parents(page: Viewed) -> None:
    """Somebody starts `agentmesh view` and looks for a run."""
    page.open()
    page.see("[data-run=news]")
    assert page.page.url == f"{page.address}/#/"  # the token is gone from the address

    page.page.get_by_label("Filter runs").fill("workflow:question")
    page.until("() => document.querySelectorAll('[data-run]').length === 1")
    page.page.get_by_label("Filter runs").fill("")
    page.see("[data-run=other]")
    levels = page.page.locator("[data-run]").evaluate_all(
        "rows => rows.map(row => [row.dataset.run, row.getAttribute('aria-level')])"
    )
    below = levels[levels.index(["news", "1"]) + 1 :]
    branches = list(itertools.takewhile(lambda each: each[1] != "1", below))
    assert ["other", "2"] in branches

    page.see("[data-run=news] a").click()
    page.see(".view-timeline")


def test_the_timeline_is_drawn_and_walked_by_keys(page: Viewed) -> None:
    """Bars are on a canvas: what is seen is its pixels, and the panel beside it."""
    page.open("#/run/news/timeline")
    page.until(
        """() => [...document.querySelectorAll('.view-timeline canvas')].some(canvas => {
            const empty = document.createElement('canvas');
            [empty.width, empty.height] = [canvas.width, canvas.height];
            return canvas.toDataURL() !== empty.toDataURL();
        })"""
    )
    page.see(".view-timeline [tabindex='0']").focus()
    page.press("ArrowRight")
    page.until("() => location.hash.includes('event=')")
    page.see(".panel", page.event())


def test_messages_are_filtered_as_one_types(page: Viewed) -> None:
    """Somebody looks for what failed."""
    page.open("#/run/news/messages")
    page.see(".view-messages [role=row]")
    field = page.page.locator(".view-messages input").first
    before = page.page.locator(".view-messages [role=grid]").get_attribute("aria-rowcount")
    field.fill("agent:Shaky/s1")
    page.until(
        "([before]) => document.querySelector('.view-messages [role=grid]')"
        ".getAttribute('aria-rowcount') !== before",
        before,
    )
    page.see(".view-messages [role=row]", "Shaky/s1")


def test_time_travel_shows_state_and_what_changed_at_each_step(page: Viewed) -> None:
    """Somebody asks when drafts went above two, goes there, and steps back and on."""
    page.open("#/run/news/travel?event=Writer/w1@1")
    page.see(".agent-card.is-here", "Writer/w1")
    page.page.get_by_label("When does this hold").fill("Writer['w1'].drafts > 1")
    page.press("Enter")
    page.see(".when-said", "holds after")
    page.page.get_by_role("button", name="First", exact=True).click()
    here = page.see(".agent-card.is-here .is-changed", "drafts")
    assert here.locator("del").inner_text() == "1"
    found = page.event()

    page.press("Escape", "ArrowRight")
    page.until("([found]) => !location.hash.includes(found)", found)
    page.press("ArrowLeft")
    page.at(found)
    page.press("[")
    page.until("([found]) => !location.hash.includes(found)", found)
    page.press("]")
    page.at(found)

    slider = page.page.get_by_label("Event, in the run order")
    slider.focus()
    page.press("Home")
    page.until("() => document.querySelector('.travel-place').textContent.startsWith('1 of')")


def test_time_travel_tells_where_agents_stand_and_the_line_that_stands_there(page: Viewed) -> None:
    """An agent waits for a tool: its frame, its line, and how to debug it."""
    page.open("#/run/news/travel?event=Writer/w1@1")
    card = page.see(".agent-card.is-here .task")
    assert "programs.py:" in card.inner_text()
    assert "waits for tool look_up" in card.inner_text()
    page.press("d")
    line = page.see(".debug-line", "agentmesh debug")
    assert line.inner_text() == "agentmesh debug news --agent Writer/w1 --event 1"
    page.page.get_by_role("button", name="Copy the line").click()
    page.until("async ([line]) => await navigator.clipboard.readText() === line", line.inner_text())
    page.press("Escape")


def test_a_sequence_is_walked_row_by_row(page: Viewed) -> None:
    """A window of the run in logical time; what is selected is in sight, and marked."""
    page.open("#/run/news/sequence")
    page.see(".sequence-svg .event-label", "write")
    page.see("[data-dot='3']").click()
    page.see("[data-dot='3'].is-selected")
    page.press("ArrowDown")
    page.see("[data-dot='4'].is-selected")
    tall = page.page.locator(".sequence-svg").get_attribute("height")
    page.press("c")
    page.until(
        "([tall]) => document.querySelector('.sequence-svg').getAttribute('height') !== tall", tall
    )
    page.press("c")


def test_the_graph_says_who_worked_for_whom(page: Viewed) -> None:
    """An edge for what was asked, with how often and how long it was waited for."""
    page.open("#/run/news/agents")
    page.see("[data-node='Editor/e1']").press("Enter")
    side = page.see(".graph-side", "Editor/e1")
    assert "Writer/w1" in side.inner_text()
    page.page.get_by_role("button", name="Waits", exact=True).click()
    page.see("[aria-pressed=true]", "Waits")
    page.page.get_by_role("button", name="Types", exact=True).click()
    page.see("[data-node='Writer']")


def test_a_branch_lands_in_a_comparison_with_its_parent(page: Viewed) -> None:
    """Somebody changes what a tool came to, and sees where the runs part and what it came to."""
    page.open("#/run/news/whatif?event=Writer/w1@2")
    page.see(".whatif-choice", "Another result")
    page.page.get_by_role("textbox", name="Result").fill('"SNOW')
    page.page.get_by_role("button", name="Run the branch").click()
    page.see(".whatif-field [role=alert]", "This is no JSON")
    page.page.get_by_role("textbox", name="Result").fill('"SNOW"')
    page.see(".whatif-line", "agentmesh fork news --result")
    page.page.get_by_role("button", name="Run the branch").click()

    row = page.see(".compare-row.is-first")
    assert "Writer/w1@2" in row.inner_text()
    page.see(".compare-detail", "First divergence")
    page.see(".diff-line.is-added", "SNOW")
    page.see(".compare-aside", "Outcome")
    page.see(".edits", "another result of an effect")


def test_findings_are_shown_by_their_kind(page: Viewed) -> None:
    """Races with their labels, an experiment with its intervals, and a file that can't be read."""
    page.open("#/run/news/findings")
    page.see(".finding h2", "Races")
    page.see(".finding-counts .pill", "benign")
    experiment = page.see(".finding", "Experiment: two prompts")
    assert "better" in experiment.inner_text()
    page.see(".finding", "damaged")


def test_what_a_model_said_is_text_and_nothing_else(page: Viewed) -> None:
    """A payload with markup, control characters and half a pair: no view believes it."""
    page.open(f"#/run/hostile/timeline?event={TEXT}")
    page.see(".panel", "<script>alert(1)</script>")
    page.see(".panel .odd-char", "U+202E")
    page.open(f"#/run/hostile/travel?event={TEXT}")
    page.see(".agent-card.is-here .tree-row", "<script>alert(1)</script>")
    for view in ("messages", "sequence", "agents"):
        page.open(f"#/run/hostile/{view}?event={TEXT}")
        page.see(f".view-{view}")
    assert page.page.locator("#app script").count() == 0


def test_views_change_quickly_and_the_last_one_stays(page: Viewed) -> None:
    """Somebody clicks through all tabs before the run is there."""
    page.open("#/run/news/timeline")
    page.page.evaluate(
        "views => views.forEach(view => { location.hash = `#/run/news/${view}`; })",
        ["messages", "agents", "travel", "sequence"],
    )
    page.see(".view-sequence .sequence-svg")


def test_a_run_that_is_not_there_is_said_in_words(page: Viewed) -> None:
    """A permalink to a run that was deleted."""
    page.expected.add(404)
    page.open("#/run/nothing/timeline")
    page.see("[role=alert]", "nothing")


def test_changing_things_is_off_unless_it_was_switched_on(browser: Browser, store: str) -> None:
    """`agentmesh view` without --control: the form says how to have it."""
    with (
        ViewServer(store, control=False) as server,
        viewed(browser, server.url, server.address) as page,
    ):
        page.open("#/run/news/whatif?event=Writer/w1@2")
        page.see(".state pre", "agentmesh view news --control")
        assert page.mistakes == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_every_view(
    browser: Browser, server: ViewServer, theme: browsers.Theme
) -> None:
    """Axe finds no serious problem: names, roles, contrasts, in both sets of colours."""
    found: dict[str, list[str]] = {}
    with viewed(browser, server.url, server.address, theme=theme) as page:
        page.see("[data-run=news]")
        found["runs"] = page.problems()
        for view in VIEWS:
            query = "&with=other" if view == "compare" else ""
            page.page.evaluate(
                "link => { location.hash = link; }", f"#/run/news/{view}?event=Writer/w1@2{query}"
            )
            page.see(READY[view])
            found[view] = page.problems()
    assert {view: problems for view, problems in found.items() if problems} == {}


def test_a_machine_without_a_browser_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody runs the tests on a bare machine."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(AssertionError, match="apt-get install chromium"):
        browsers.chromium()


READY = {
    "timeline": ".view-timeline canvas",
    "messages": ".view-messages [role=row]",
    "travel": ".agent-card.is-here .tree-row",
    "sequence": ".sequence-svg",
    "agents": "[data-node]",
    "compare": ".compare-row.is-first",
    "whatif": ".whatif-choice",
    "findings": ".finding-counts",
}

EXPERIMENT = {
    "kind": "experiment",
    "version": 1,
    "name": "two prompts",
    "baseline": "old",
    "control": "",
    "alpha": 0.05,
    "margin": None,
    "bounds": [0, 1],
    "samples": 40,
    "stopped": "every arm is decided",
    "arms": [
        {"name": "old", "mean": 0.4, "low": 0.3, "high": 0.5, "samples": 40, "comparison": None},
        {
            "name": "new",
            "mean": 0.7,
            "low": 0.6,
            "high": 0.8,
            "samples": 40,
            "usd": 0.01,
            "seconds": 1.5,
            "comparison": {"difference": 0.3, "low": 0.1, "high": 0.5, "verdict": "better"},
        },
    ],
    "series": [
        {"arm": "new", "n": n, "difference": 0.3, "low": 0.3 - 4 / n, "high": 0.3 + 4 / n}
        for n in (10, 20, 40)
    ],
}
