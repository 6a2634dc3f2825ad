"""`agentmesh demo`: the main job on real input, in under two minutes and without a key.

Runs the support desk several times, shows which runs went wrong, and replays a bad one
bit for bit, in another process, after the model server was stopped. Nothing is
scripted to go wrong: delays and answers are drawn, and the demo says so if luck fails it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.cli import demo_page, exit_codes, hash_seed, support_desk, terminal
from agentmesh.cli.demo_what_if import WhatIf, what_if
from agentmesh.cli.failures import in_short
from agentmesh.cli.run_command import store_words
from agentmesh.cli.wording import counted
from agentmesh.effects import settings as model_settings
from agentmesh.errors import RunFailedError
from agentmesh.journal.run_info import RunInfo
from agentmesh.mesh.options import RunOptions, store_location, wants_local
from agentmesh.mesh.runner import execute
from agentmesh.mesh.runs import open_run
from agentmesh.testing.models import ModelServer, load_rules

RULES = Path(__file__).with_name("desk_model.toml")
MORE_MAX = 4
"""How many runs are added while none has gone wrong."""
_REPLAY_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class DemoRun:
    """One run of the demo's workflow."""

    run_id: str
    seconds: float
    problems: list[str]
    """What went wrong at the desk; empty if nothing did."""
    error: str = ""
    """Why the run itself failed; empty if it did not."""

    @property
    def bad(self) -> bool:
        """Whether the desk served somebody wrongly."""
        return bool(self.problems)

    @property
    def oversold(self) -> bool:
        """Whether more was promised than there was."""
        return any(text.startswith("oversold") for text in self.problems)

    @property
    def good(self) -> bool:
        """Whether all went well."""
        return not self.problems and not self.error

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "run": self.run_id,
            "outcome": "failed" if self.error else "wrong" if self.bad else "fine",
            "problems": self.problems,
            "error": self.error or None,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Model:
    """What answers the agents' prompts."""

    settings: dict[str, str]
    simulated: bool
    told: str
    """What it is, for people."""


def demo(*, runs: int, local: bool, store: str | None, seed: int | None, as_json: bool) -> int:
    """Run the demo and return the exit code."""
    options = RunOptions(local=local, store=store, quiet=True, keep_ray=True)
    page = demo_page.Page(silent=as_json)
    with terminal.quiet_output(), _model(seed) as model:
        page.open(model.told, runs, on_ray=not wants_local(options))
        made = _run_all(runs, options, model, seed, page)
    page.close_runs(made, asked=runs, simulated=model.simulated)
    if all(one.error for one in made):
        raise RunFailedError(
            f"None of {counted(len(made), 'run')} came to an end: {made[-1].error}",
            fix=f"Look at one: agentmesh show {made[-1].run_id}{store_words(store)}",
        )
    chosen = choose(made)
    replayed = _replay(chosen.run_id, store)
    story = _story(chosen, made, store)
    tried = _what_if(chosen, store, simulated=model.simulated)
    commands = next_commands(chosen, store, story.agent)
    if as_json:
        terminal.print_json(
            {
                "simulated": model.simulated,
                "runs": [one.as_json() for one in made],
                "chosen": chosen.run_id,
                "replay": replayed,
                "messages": [beat.as_json() for beat in story.beats],
                "what_if": None if tried is None else tried.as_json(),
                "next": commands,
            }
        )
    else:
        page.show_replay(chosen, replayed, simulated=model.simulated)
        page.show_story(story)
        if tried is not None:
            page.show_lines(tried.lines())
        page.show_next(commands)
    return exit_codes.OK if replayed["identical"] else exit_codes.DIVERGED


@contextmanager
def _model(seed: int | None) -> Iterator[Model]:
    """Offer the configured model, or a simulated one as long as the context lasts."""
    if os.environ.get(model_settings.BASE_URL) or os.environ.get(model_settings.KEY):
        found = model_settings.collect()
        name = model_settings.model_of(found)
        told = f"{name} at {model_settings.base_url_of(found)}, from your environment"
        yield Model(settings={}, simulated=False, told=told)
        return
    rules = load_rules(RULES)
    with ModelServer(rules, seed=seed) as server:
        sampled = "its chance is real" if seed is None else f"seed {seed}"
        told = f"a simulator on this machine, no language model ({sampled})"
        settings = model_settings.simulated(server.base_url)
        yield Model(settings=settings, simulated=True, told=told)


def _run_all(
    runs: int, options: RunOptions, model: Model, seed: int | None, page: "demo_page.Page"
) -> list[DemoRun]:
    """Run as often as asked, and some more while nothing has gone wrong."""
    made: list[DemoRun] = []
    with page.running() as show:
        while len(made) < runs or (
            len(made) < runs + MORE_MAX and not any(one.bad or one.error for one in made)
        ):
            show.begin(len(made) + 1)
            made.append(_run_once(options, model, seed, len(made), show))
            show.end(made[-1])
    return made


def _run_once(
    options: RunOptions, model: Model, seed: int | None, number: int, show: "demo_page.Progress"
) -> DemoRun:
    from dataclasses import replace

    chosen = replace(
        options,
        settings=model.settings,
        seed=None if seed is None else f"demo-{seed}-{number}",
    )
    outcome = execute(support_desk.desk, support_desk.MORNING, chosen, on_progress=show.update)
    report = outcome.value
    return DemoRun(
        run_id=outcome.run_id,
        seconds=outcome.seconds,
        problems=report.problems if isinstance(report, support_desk.Report) else [],
        error=in_short(outcome.error) if outcome.error is not None else "",
    )


def choose(made: list[DemoRun]) -> DemoRun:
    """Return the run to look at: an oversold one, else a bad one, else the last that ended."""
    oversold = [one for one in made if one.oversold]
    bad = [one for one in made if one.bad]
    ended = [one for one in made if not one.error]
    return (oversold or bad or ended[::-1])[0]


def _replay(run_id: str, store: str | None) -> dict[str, Any]:
    """Replay in a process of its own, which knows no model and no key."""
    with open_run(run_id, store=store) as run:
        environment = _environment_without_model(run.info)
    words = ["replay", run_id, "--store", store_location(store), "--json"]
    with terminal.working(f"replaying {run_id}"):
        done = subprocess.run(  # noqa: S603 - this very Python and our own arguments
            [sys.executable, "-m", "agentmesh", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_REPLAY_SECONDS,
            check=False,
        )
    if done.returncode not in (exit_codes.OK, exit_codes.DIVERGED):
        raise RunFailedError(
            f"The replay of {run_id} ended with exit code {done.returncode}: {done.stderr.strip()}",
            fix=f"Try it by hand: agentmesh replay {run_id}{store_words(store)}",
        )
    replayed: dict[str, Any] = json.loads(done.stdout)
    return replayed


def _environment_without_model(info: RunInfo) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    if info.hash_seed is not None:
        kept[hash_seed.VARIABLE] = info.hash_seed  # spares the process its second start
    return kept


def _story(chosen: DemoRun, made: list[DemoRun], store: str | None) -> "demo_page.Story":
    """Read from the journals what happened, and how it went where it went well."""
    with open_run(chosen.run_id, store=store) as run:
        story = demo_page.story_of(run, chosen.problems)
    good = next((one for one in made if one.good), None)
    if good is None or not story.races:
        return story
    with open_run(good.run_id, store=store) as run:
        return story.compared(run)


def _what_if(chosen: DemoRun, store: str | None, *, simulated: bool) -> WhatIf | None:
    """Ask what made the difference, and try a fix; with the simulator, which costs nothing."""
    if not (simulated and chosen.oversold):
        return None
    with terminal.quiet_output(), terminal.working("asking what if") as tell:
        return what_if(chosen.run_id, store, load_rules(RULES), tell)


def next_commands(run: DemoRun, store: str | None, agent: str) -> list[str]:
    """Return what to try next; `agent` is whose log is worth a look."""
    name, where = run.run_id, store_words(store)
    oversold = (
        [
            f"agentmesh when {name}{where} 'Stock.left < 0'",
            f"agentmesh races {name}{where} --agent Stock --failed 'result.left < 0'",
        ]
        if run.oversold
        else []
    )
    return [
        f"agentmesh show {name}{where}",
        f"agentmesh log {name}{where} --agent {agent}",
        *oversold,
        f"agentmesh replay {name}{where}",
        f"agentmesh runs{where}",
    ]
