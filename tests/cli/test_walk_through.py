"""The README's way from a bad run to its race, command by command, as it stands there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmesh.cli import support_desk
from agentmesh.cli.app import app
from agentmesh.cli.demo_command import RULES
from agentmesh.effects import settings as model_settings
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import execute
from agentmesh.testing.models import ModelServer, load_rules

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.split("### From a bad run to its race\n")[1].split("\n### ")[0]
COMMANDS = re.findall(r"^\$ (agentmesh .+)$", SECTION, re.MULTILINE)
RUN, GOOD = "20261124-021739", "20261124-021723"
"""The runs that the README is about."""
COMPLAINT, SECOND, ORDER = (
    "(?s)You sort the tickets.*broken",
    "(?s)You sort the tickets.*flat",
    "You sort the tickets",
)
THINKING = "You are a specialist"
RACING = {COMPLAINT: 1.0, ORDER: 0.0, THINKING: 0.5}
"""How long the model takes for what: both specialists have looked before either acts."""
LUCKY = {SECOND: 0.6, ORDER: 0.0, THINKING: 0.0}
"""The second order is sorted when the first one has been served."""


def rules(latencies: dict[str, float]) -> str:
    """Return the demo's model, but with these latencies."""
    own = (
        f"[[rules]]\nname = 'takes {seconds} s'\nwithin = 'conversation'\n"
        f"pattern = '{pattern}'\nlatency = {{ first_token = {seconds} }}\n"
        for pattern, seconds in latencies.items()
    )
    return "\n".join([*own, Path(RULES).read_text()])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a run that went wrong as the README's did, and one that went well."""
    folder = tmp_path_factory.mktemp("walked")
    for name, latencies, left in ((RUN, RACING, -1), (GOOD, LUCKY, 0)):
        file = folder / f"{name}.toml"
        file.write_text(rules(latencies))
        with ModelServer(load_rules(file), seed=1) as server:
            settings = model_settings.simulated(server.base_url)
            options = RunOptions(
                local=True, store=str(folder), run_id=name, settings=settings, quiet=True
            )
            outcome = execute(support_desk.desk, support_desk.MORNING, options)
        assert isinstance(outcome.value, support_desk.Report)
        assert outcome.value.left == left
    return str(folder)


@pytest.fixture
def walk(store: str) -> Callable[..., str]:
    """Give the README's command with a word in it, as it stands there; return what it says."""

    def walk(word: str, given: str = "") -> str:
        (command,) = [each for each in COMMANDS if each.split()[1] == word]
        words = re.findall(r"'[^']*'|\S+", command)[1:]
        done = CliRunner().invoke(
            app, [*(each.strip("'") for each in words), "--store", store], input=given
        )
        assert done.exit_code in (0, 1), done.output
        return done.stdout

    return walk


def test_it_takes_at_most_six_commands() -> None:
    """And shows each once."""
    assert 1 < len(COMMANDS) <= 6
    assert len({each.split()[1] for each in COMMANDS}) == len(COMMANDS)


def test_the_moment_is_found(walk: Callable[..., str]) -> None:
    """When the stock went below nothing."""
    assert "first  Stock/main@5" in walk("when")


def test_the_change_is_shown(walk: Callable[..., str]) -> None:
    """What that event did."""
    said = walk("state")

    assert "Stock/main@5" in said
    assert re.search(r"- 0\s+\+ -1", said)


def test_its_causes_show_the_two_messages_that_raced(walk: Callable[..., str]) -> None:
    """One had looked, and before it acts on that the other one reserves."""
    said = walk("why")
    one, other = re.findall(r"ask reserve\(Reservation\) from Specialist/(\w+)", said)[:2]

    assert {one, other} == {"ada", "ben"}
    assert re.search(rf"Stock/main@4 +before it: ask reserve.* from Specialist/{other}", said)
    assert re.search(rf"Stock/main@[23] +ask look\(\) from Specialist/{one}", said)


def test_a_good_run_parts_there(walk: Callable[..., str]) -> None:
    """The same messages in another order."""
    assert "Stock/main parts" in walk("diff")
    assert "the same events in another order" in walk("diff")


def test_the_handler_is_stood_in(walk: Callable[..., str]) -> None:
    """With what the reader of the README types."""
    typed = re.findall(r"^\(agentmesh\) (.+)$", SECTION, re.MULTILINE)
    said = walk("debug", "".join(f"{each}\n" for each in typed))

    assert typed[-1] == "q"
    assert "self.left -= 1" in said
    assert "(agentmesh) 0" in said
