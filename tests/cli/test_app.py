"""The command as a whole: quick to start, clear when used wrongly, quiet where it should be."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmesh.cli.app import app
from agentmesh.errors import InternalError
from tests.cli.helpers import TIMEOUT_SECONDS, command, console_script, environment

COMMANDS = ("demo", "run", "resume", "runs", "show", "log", "replay", "models", "doctor")
HEAVY = ("ray", "openai", "httpx2", "pyarrow", "duckdb", "starlette", "uvicorn", "opentelemetry")

COLOUR = re.compile("\x1b\\[[0-9;]+m")


def on_a_terminal(*words: str, cwd: Path, **more: str) -> str:
    """Run the command on a pseudo-terminal and return everything that it showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [console_script(), *words],
        cwd=cwd,
        env=environment(**more),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # how Linux says that the other side is gone
            pass
        process.wait(TIMEOUT_SECONDS)
    os.close(ours)
    return shown.decode()


def test_help_lists_every_command(tmp_path: Path) -> None:
    """What a new user types first."""
    done = command("--help", cwd=tmp_path)

    assert done.code == 0
    assert [name for name in COMMANDS if f" {name} " not in done.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    """`agentmesh COMMAND --help`, and `-h` for who is in a hurry."""
    done = CliRunner().invoke(app, [name, "-h"])

    assert done.exit_code == 0
    assert "Usage:" in done.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """Ray alone takes a second to import; nobody waits that long for a list of commands."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "agentmesh", "--help"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "typer" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_python_minus_m_is_the_same_command(tmp_path: Path) -> None:
    """Where the console script is not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "agentmesh", "--version"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )

    assert re.fullmatch(r"agentmesh \d+\.\d+\.\d+\n", done.stdout)


def test_a_mistyped_command_is_corrected(tmp_path: Path) -> None:
    """The exit code for wrong use, and the command that was meant."""
    done = command("rply", cwd=tmp_path)

    assert done.code == 2
    assert "'replay'" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "app.py:main", "--no-such-option"],
        ["replay", "--processes", "many"],
        ["log", "--level", "loud"],
        ["runs", "--limit", "0"],
        ["demo", "--runs", "0"],
    ],
)
def test_wrong_use_has_its_own_exit_code(words: list[str]) -> None:
    """A script tells a typing error from a failed run."""
    assert CliRunner().invoke(app, words).exit_code == 2


def test_an_error_is_a_short_text_without_a_traceback(tmp_path: Path) -> None:
    """What happened, and what to do about it; on standard error."""
    done = command("show", "nobody", cwd=tmp_path)

    assert done.code != 0
    assert done.out == ""
    assert "Traceback" not in done.err
    assert done.err.startswith("Error: ")
    assert "--store" in done.err


@pytest.mark.parametrize("words", [["--debug", "show", "nobody"], ["show", "nobody", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Path, words: list[str]) -> None:
    """Who wants to know more presses the up key and appends it."""
    done = command(*words, cwd=tmp_path)

    assert "Traceback (most recent call last)" in done.err
    assert "StoreError" in done.err


def test_debug_can_be_set_once_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For a session of looking into something."""
    monkeypatch.setenv("AGENTMESH_DEBUG", "1")
    done = CliRunner().invoke(app, ["show", "nobody", "--store", str(tmp_path / "none")])

    assert "Traceback" in done.stderr


def test_a_bug_in_agentmesh_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors that are nobody's fault but ours are told like all others, and fail."""

    def broken(**_: object) -> int:
        message = "The sky fell."
        raise InternalError(message, fix="Please report this.")

    monkeypatch.setattr("agentmesh.cli.runs_command.list_runs", broken)
    done = CliRunner().invoke(app, ["runs"])

    assert done.exit_code == 1
    assert done.stderr == "Error: The sky fell.\n  Please report this.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_can_be_shown(tmp_path: Path, shell: str) -> None:
    """What `--install-completion` would install; typer else looks which shell called it."""
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = command("--show-completion", shell, cwd=tmp_path, env=named)

    assert done.code == 0, done.err
    assert "_AGENTMESH_COMPLETE" in done.out


def test_shell_completion_offers_commands_and_runs(recorded: Path) -> None:
    """The shell asks by environment variables, as the installed script does."""
    asked = {"_AGENTMESH_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    commands = command(cwd=recorded, env={**asked, "COMP_WORDS": "agentmesh r"})
    words = {"COMP_WORDS": "agentmesh show go", "COMP_CWORD": "2"}
    runs = command(cwd=recorded, env={**asked, **words})

    assert commands.out.split() == ["run", "resume", "runs", "replay", "races"]
    assert runs.out.split() == ["good"]


def test_a_terminal_gets_colours_and_a_pipe_does_not(recorded: Path) -> None:
    """Colours for people; plain columns for `grep` and `awk`."""
    piped = command("runs", cwd=recorded)

    assert COLOUR.search(on_a_terminal("runs", cwd=recorded))
    assert "\x1b" not in piped.out + piped.err
    assert [line for line in piped.out.splitlines() if line != line.rstrip()] == []


def test_no_color_is_respected(recorded: Path) -> None:
    """The convention of no-color.org: also on a terminal."""
    shown = on_a_terminal("show", "bad", cwd=recorded, NO_COLOR="1")
    codes = {code for code in COLOUR.findall(shown) if re.search(r"[34]\d", code)}

    assert "bad" in shown
    assert codes == set()


def test_who_stops_reading_ends_the_command_quietly(recorded: Path) -> None:
    """`agentmesh log | head -1`: no traceback because the pipe is closed."""
    done = subprocess.run(
        f"{console_script()} log good --level debug --json | head -n 1",
        shell=True,
        cwd=recorded,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
