"""What is to be run, and on which input: found, or refused in words that help."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentmesh.cli.target import example, input_message, load_workflow, read_input
from agentmesh.errors import DefinitionError, InvalidMessageError, UsageError
from agentmesh.sdk.agent import AgentType, HandlerSpec
from agentmesh.sdk.message import Message
from agentmesh.sdk.workflow import workflow, workflow_type_of
from tests.cli.helpers import SHOP


class Item(Message):
    """Something to be packed."""

    name: str
    pieces: int = 1


class Parcel(Message):
    """A message with everything that an example must show."""

    to: str
    weight: float
    fragile: bool
    items: list[Item]
    inner: "Parcel | None" = None


class Empty(Message):
    """A message whose fields all have defaults."""

    note: str = "none"


@workflow
async def pack(parcel: Parcel) -> str:
    """Take one message."""
    return parcel.to


@workflow
async def rest() -> None:
    """Take none."""


@workflow
async def greet(empty: Empty) -> str:
    """Take one that needs no fields."""
    return empty.note


@workflow
async def sort(message: Parcel | Item) -> str:
    """Take one of two."""
    return type(message).__name__


def spec_of(function: Any) -> HandlerSpec:
    """Return the one handler of a workflow."""
    made: AgentType = workflow_type_of(function)
    return next(iter(made.handlers.values()))


def write(folder: Path, name: str, text: str) -> str:
    """Write a program and return its path."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_workflow_is_found_by_file_and_name() -> None:
    """The usual way."""
    assert load_workflow(f"{SHOP}:buy").name == "buy"


def test_a_workflow_goes_unnamed_where_there_is_only_one(tmp_path: Path) -> None:
    """`agentmesh run app.py`."""
    text = "import agentmesh as am\n@am.workflow\nasync def only() -> None: ...\n"

    assert load_workflow(write(tmp_path, "app.py", text)).name == "only"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "names no workflow"),
        ("app.py:", "names no workflow"),
        ("nothing.py:main", "There is no file 'nothing.py'"),
        ("no_such_module:main", "There is no module 'no_such_module'"),
        (f"{SHOP}:bye", f"Did you mean {SHOP}:buy?"),
        (f"{SHOP}:Till", "is an agent, not a workflow"),
        (str(SHOP), "defines 7 workflows"),
        (f"{SHOP}:Order", "defines no workflow 'Order'"),
    ],
)
def test_a_target_that_is_not_there_is_named(target: str, words: str) -> None:
    """With what it could have been."""
    with pytest.raises(UsageError) as caught:
        load_workflow(target)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import not_there\n", "ModuleNotFoundError: No module named 'not_there'"),
        ("def broken(:\n", "SyntaxError"),
        ("x = 1\ny = x / 0\n", "line 2"),
        ("from . import sibling\n", "package.module:main"),
        ("import sys\nsys.exit(4)\n", 'if __name__ == "__main__"'),
        ("x = 1\n", "defines no workflow"),
    ],
)
def test_a_program_that_cannot_be_imported_says_why(tmp_path: Path, text: str, words: str) -> None:
    """The program's own error and line, not agentmesh's."""
    with pytest.raises(UsageError) as caught:
        load_workflow(write(tmp_path, "app.py", text) + ":main")

    shown = str(caught.value).replace("app.py:2", "line 2")
    assert words in shown


def test_a_program_that_starts_a_run_while_imported_is_told_how_not_to(tmp_path: Path) -> None:
    """`am.run(...)` at the end of a script, without the usual `if`."""
    text = (
        "import agentmesh as am\n@am.workflow\nasync def main() -> None: ...\n"
        "am.run(main, local=True)\n"
    )
    with pytest.raises(UsageError, match="__main__"):
        load_workflow(write(tmp_path, "app.py", text))


def test_an_agent_that_cannot_work_keeps_its_own_error(tmp_path: Path) -> None:
    """The decorator has said what is wrong, and how to mend it."""
    text = (
        "import agentmesh as am\n@am.agent\nclass A:\n    @am.handler\n"
        "    async def go(self, x: int) -> int: return x\n"
    )
    with pytest.raises(DefinitionError, match="takes int, which is not a message"):
        load_workflow(write(tmp_path, "app.py", text))


def test_an_input_becomes_the_workflows_message() -> None:
    """Validated by the same rules as any message."""
    data = b'{"to": "Ada", "weight": 1, "fragile": true, "items": [{"name": "lamp"}]}'
    made = input_message(spec_of(pack), data)

    assert made == Parcel(to="Ada", weight=1.0, fragile=True, items=[Item(name="lamp")])


def test_a_field_that_does_not_fit_is_named_with_its_handler() -> None:
    """Which field, of which message, for which workflow, and what it should be."""
    data = b'{"to": 3, "weight": 1, "fragile": true, "items": [{"nam": "lamp"}]}'
    with pytest.raises(InvalidMessageError) as caught:
        input_message(spec_of(pack), data)

    shown = str(caught.value)
    assert "no Parcel, which pack takes" in shown
    assert "to: Input should be a valid string (got 3)" in shown
    assert "items.0.name: Field required" in shown


@pytest.mark.parametrize("data", [b"", b"{to: 3}", b"\xff\xfe", b'{"to": "Ada"'])
def test_an_input_that_is_no_json_says_where(data: bytes) -> None:
    """Usually the shell took the quotes."""
    with pytest.raises(InvalidMessageError, match=r"not JSON.*single quotes"):
        input_message(spec_of(pack), data)


def test_a_missing_input_shows_what_to_give() -> None:
    """An example that fits."""
    with pytest.raises(InvalidMessageError) as caught:
        input_message(spec_of(pack), None)

    assert "no input is given" in caught.value.what
    given = caught.value.fix.partition("'")[2].rpartition("'")[0]
    assert input_message(spec_of(pack), given.encode()) is not None


def test_the_example_has_every_field_that_is_needed() -> None:
    """And only those."""
    assert json.loads(example(spec_of(pack))) == {
        "to": "...",
        "weight": 0.0,
        "fragile": False,
        "items": [{"name": "..."}],
    }


def test_a_message_without_needed_fields_needs_no_input() -> None:
    """Its defaults will do."""
    assert input_message(spec_of(greet), None) == Empty()


def test_a_workflow_without_a_message_takes_no_input() -> None:
    """An input that nobody reads is a mistake."""
    assert input_message(spec_of(rest), None) is None
    with pytest.raises(InvalidMessageError, match="takes no message"):
        input_message(spec_of(rest), b"{}")


def test_of_two_messages_the_one_that_fits_is_taken() -> None:
    """A workflow may start from this or that."""
    assert input_message(spec_of(sort), b'{"name": "lamp"}') == Item(name="lamp")
    with pytest.raises(InvalidMessageError) as caught:
        input_message(spec_of(sort), b"{}")

    assert "Parcel: " in str(caught.value)
    assert "Item: " in str(caught.value)


def test_two_inputs_are_one_too_many() -> None:
    """Nobody should have to guess which one counted."""
    with pytest.raises(UsageError, match="Both"):
        read_input("{}", "order.json")


def test_an_input_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the reason that the system gives."""
    with pytest.raises(UsageError, match="No such file"):
        read_input(None, str(tmp_path / "none.json"))
