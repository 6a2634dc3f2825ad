"""`agentmesh debug`: conversations with pdb, and with an IDE's protocol, in recorded handlers."""

import io
import re
from pathlib import Path

import pytest

from agentmesh.cli.debug_command import Request, debug
from agentmesh.errors import UnknownAgentError, UnknownEventError, UsageError
from tests.cli.dap import attached
from tests.cli.helpers import PROGRAMS, command, started

LAMPS = PROGRAMS / "lamps.py"
TEXT = LAMPS.read_text().splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run."""
    folder = tmp_path_factory.mktemp("debugged")
    done = command("run", f"{LAMPS}:main", "--local", "--run-id", "lamps", cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def store(folder: Path) -> str:
    """Its store."""
    return str(folder / ".agentmesh" / "runs")


def line(code: str) -> int:
    """Return the number of the program's line that has this code."""
    (number,) = [number for number, text in enumerate(TEXT, 1) if text.strip() == code]
    return number


def talk(
    store: str,
    *says: str,
    agents: tuple[str, ...] = (),
    event: str | None = None,
    breakpoints: tuple[str, ...] = (),
) -> list[str]:
    """Say something to the debugger, and return its answer to each."""
    out = io.StringIO()
    given = io.StringIO("".join(f"{word}\n" for word in says))
    code = debug(
        Request(
            run="lamps",
            agents=agents,
            event=event,
            breakpoints=breakpoints,
            store=store,
            stdin=given,
            stdout=out,
        )
    )
    assert code == 0
    return [answer.strip() for answer in out.getvalue().split("(agentmesh) ")]


def where(answer: str) -> tuple[int, str]:
    """Return the line and the function that an answer stands in."""
    found = re.search(r"lamps\.py\((\d+)\)(\w+)\(\)", answer)
    assert found, answer
    return int(found[1]), found[2]


def test_it_stands_in_the_first_line_of_the_handler(store: str) -> None:
    """With the agent and its message in reach."""
    first, state, name, *_ = talk(store, "p self.lamps", "p buyer.name", "q", event="Shop/main@1")

    assert first.startswith("Shop/main@1  ask buy(Buyer) from Shopper/Ada")
    assert where(first) == (line("if self.lamps == 0:"), "buy")
    assert (state, name) == ("1", "'Ada'")


def test_lines_are_walked_through_and_lead_into_the_next_event(store: str) -> None:
    """`n` goes from line to line, and after the last one to the agent's next event."""
    answers = talk(store, "n", "n", "n", "n", "p self.lamps", "q", event="Shop/main@1")

    assert [where(each)[0] for each in answers[:4]] == [
        line("if self.lamps == 0:"),
        line("self.lamps -= 1"),
        line("sold = bool(buyer.name)"),
        line("sold = bool(buyer.name)") + 1,
    ]
    assert answers[4].startswith("Shop/main@2 ")
    assert answers[5] == "0"


def test_next_event_and_back_are_each_others_opposite(store: str) -> None:
    """State is what it was, each time."""
    answers = talk(
        store,
        "p self.lamps",
        "next event",
        "p self.lamps",
        "back",
        "p self.lamps",
        "back",
        "q",
        event="Shop/main@1",
    )

    assert answers[1] == "1"
    assert answers[2].startswith("Shop/main@2")
    assert answers[3] == "0"
    assert answers[4].startswith("Shop/main@1")
    assert answers[5] == "1"


def test_a_turn_is_met_again_where_it_had_been_waiting(store: str) -> None:
    """The event that ends a tool resumes the handler at its `await`."""
    answers = talk(store, "p self.tried", "n", "q", event="Shopper/Ada@2")

    assert where(answers[0])[0] == line("cost = await price()")
    assert answers[1] == "1"
    assert where(answers[2])[0] == line("if not worth(cost):")


def test_stepping_goes_into_functions_and_the_stack_is_the_programs(store: str) -> None:
    """What runs handlers is not on it."""
    answers = talk(store, "n", "s", "s", "s", "where", "up", "q", event="Shopper/Ada@2")

    assert where(answers[3]) == (line("limit = 100"), "worth")
    frames = re.findall(r"(\w+)\.py\((\d+)\)", answers[5])
    assert [file for file, _ in frames] == ["lamps", "lamps"]
    assert where(answers[6]) == (line("if not worth(cost):"), "shop")


def test_breakpoints_hold_over_events(store: str) -> None:
    """By option and at the prompt; each stop says which event it is in."""
    at = f"programs/lamps.py:{line('sold = bool(buyer.name)')}"
    by_option = talk(store, "c", "c", "q", agents=("Shop",), breakpoints=(at,))
    at_prompt = talk(store, f"b {LAMPS}:{line('self.lamps -= 1')}", "c", "q", agents=("Shop",))

    assert where(by_option[1])[0] == line("sold = bool(buyer.name)")
    assert by_option[2].startswith("The recording ends here")
    assert where(at_prompt[2])[0] == line("self.lamps -= 1")


def test_several_agents_live_in_the_order_of_the_run(store: str) -> None:
    """The others are recordings."""
    says = ["next event"] * 5
    answers = talk(store, *says, "q", agents=("Shop", "Shopper/Ada"))
    events = [answer.split()[0] for answer in answers[:6]]

    assert events == [
        "Shopper/Ada@1",
        "Shopper/Ada@2",
        "Shop/main@1",
        "Shopper/Ada@3",
        "Shop/main@2",
        "The",
    ]


def test_goto_goes_anywhere_forwards_and_back(store: str) -> None:
    """Also by number, and past the end of what lives."""
    answers = talk(
        store,
        "goto Shop/main@2",
        "goto Shop/main@1",
        "goto Shopper/Ben@1",
        "goto Shop/main@99",
        "goto nonsense@x",
        "q",
        event="Shop/main@1",
    )

    assert answers[1].startswith("Shop/main@2")
    assert answers[2].startswith("Shop/main@1")
    assert answers[3].startswith("Shopper/Ben is a recording here: this is what comes next.")
    assert "has no event Shop/main@99" in answers[4]
    assert answers[5].startswith("***")


def test_the_state_and_the_reasons_are_shown(store: str) -> None:
    """`state` in the middle of a handler; `why` names the cause."""
    answers = talk(store, "n", "n", "state", "why", "q", event="Shop/main@1")

    assert "lamps" in answers[3]
    assert "Shopper/Ada@2" in answers[4]


def test_the_prompt_does_not_move_the_program(store: str) -> None:
    """Asking for time and chance at the prompt changes nothing of what follows."""
    answers = talk(
        store,
        "import random, time",
        "p random.random() > 2, time.time() > 1e9",
        "c",
        "q",
        event="Shop/main@1",
    )

    assert answers[2] == "(False, True)"
    assert not any("did not do what was recorded" in answer for answer in answers)


def test_what_a_person_changes_is_told(store: str) -> None:
    """From then on it is another run's story."""
    answers = talk(store, "self.lamps = 0", "next event", "q", event="Shop/main@1")

    assert answers[2].startswith("*** Shop/main@1 did not do what was recorded")


def test_no_handler_can_hold_on(store: str) -> None:
    """One that catches everything and waits in its clean-up: back, again, and out."""
    answers = talk(store, "n", "goto Clinging/main@1", "n", "q", event="Clinging/main@1")

    assert where(answers[2]) == where(answers[0])


def test_the_end_of_input_ends_it(store: str) -> None:
    """As Ctrl-D does."""
    assert where(talk(store, event="Shop/main@1")[0])


def test_where_to_stand_must_be_said(store: str) -> None:
    """The error names the agents there are."""
    with pytest.raises(UsageError, match="Nothing says where to stand") as caught:
        talk(store)

    assert "Shop/main" in str(caught.value)


def test_what_is_not_there_is_refused(store: str) -> None:
    """An event, an agent, a line, a file."""
    with pytest.raises(UnknownEventError):
        talk(store, event="Shop/main@77")
    with pytest.raises(UnknownAgentError):
        talk(store, agents=("Nobody/x",))
    with pytest.raises(UsageError, match="is no file of the program"):
        talk(store, agents=("Shop",), breakpoints=("nowhere.py:3",))
    with pytest.raises(UsageError, match="There can't be a breakpoint"):
        talk(store, agents=("Shop",), breakpoints=("lamps.py:9999",))
    with pytest.raises(UsageError, match="no place for a breakpoint"):
        talk(store, agents=("Shop",), breakpoints=("lamps",))


def test_the_command_talks_on_a_terminals_streams(folder: Path) -> None:
    """As people use it: another process, under the run's hash seed."""
    done = command(
        "debug", "lamps", "--event", "Shop/main@1", given="p self.lamps\nq\n", cwd=folder
    )

    assert done.code == 0, done.err
    assert "Shop/main@1  ask buy(Buyer)" in done.out
    assert "(agentmesh) 1" in done.out


def test_an_ide_attaches_and_stops_at_its_breakpoints(folder: Path) -> None:
    """By the debug adapter protocol, as editors speak it."""
    words = ("debug", "lamps", "--event", "Shop/main@1", "--listen", "0", "--wait", "60")
    with started(*words, cwd=folder) as process, attached(process) as ide:
        ide.set_breakpoints(LAMPS, [line("self.lamps -= 1")])
        ide.begin()
        paused = ide.stopped()
        ide.go_on(paused)
        stopped = ide.stopped()
        stack = ide.stack(stopped)
        ide.go_on(stopped)

        assert process.wait(60) == 0
    assert (stack[0]["name"], stack[0]["line"]) == ("buy", line("self.lamps -= 1"))


def test_nobody_is_waited_for_for_ever(folder: Path) -> None:
    """An IDE that does not come."""
    done = command("debug", "lamps", "--agent", "Shop", "--listen", "0", "--wait", "1", cwd=folder)

    assert done.code == 2
    assert "No IDE attached" in done.err
