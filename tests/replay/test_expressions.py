"""What may be asked about the state of agents, and what is refused before anything runs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.replay.expressions import AgentName, Expression, NotThereError, Scope

STATE: dict[str, Any] = {
    "count": 4,
    "status": "open",
    "items": [{"name": "lamp", "price": 40.0}, {"name": "rug", "price": 9.5}],
    "stock": {"lamp": 2, "rug": 0},
    "nothing": None,
}


def asked(text: str, state: dict[str, Any] | None = None) -> Any:
    """Return what an expression about one agent says of a state."""
    values = STATE if state is None else state
    expression = Expression(text, about_one=True)
    return expression.evaluate(Scope(lambda _, name: values[name]))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("count > 3", True),
        ("2 < count <= 4 and not status == 'closed'", True),
        ("count % 2 == 0 or 1 / 0", True),
        ("status in ('open', 'new')", True),
        ("'rug' not in stock", False),
        ("stock['lamp'] + self.count", 6),
        ("items[0].price - items[-1]['price']", 30.5),
        ("[item.name for item in items if item.price > 10]", ["lamp"]),
        ("any(stock[name] == 0 for name in stock)", True),
        ("{name: number * 2 for name, number in [['a', 1]]}", {"a": 2}),
        ("max((i.price for i in items), default=0)", 40.0),
        ("sorted(stock, reverse=True)", ["rug", "lamp"]),
        ("nothing is None", True),
        ("sum(i.price for i in items) if count else 0", 49.5),
        ("status[1:3]", "pe"),
        ("-abs(count) < +len(items)", True),
        ("str(count) + status", "4open"),
    ],
)
def test_an_expression_says_what_python_would(text: str, answer: object) -> None:
    """Attributes, subscripts, comparisons, arithmetic, comprehensions, pure functions."""
    assert asked(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "items.append(3)",
        "status.upper()",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "(lambda: 1)()",
        "(x := 3)",
        "count.__class__",
        "[*items]",
        "{**stock}",
        "f'{count}'",
        "len",
        "sorted(items, key=len)",
        "count @ count",
        "1 << count",
        "changed(count, status)",
        "[changed(item) for item in items]",
        "await count",
        "[item async for item in items]",
    ],
)
def test_whatever_does_more_than_look_is_refused(text: str) -> None:
    """Calls, assignments, functions: refused with the place, before any state is read."""
    with pytest.raises(am.UsageError, match="is refused"):
        Expression(text, about_one=True)


@pytest.mark.parametrize("text", ["", "count >", "count = 3", "import os", "(" * 300, "x" * 5000])
def test_what_is_no_expression_is_refused(text: str) -> None:
    """A statement, a slip of the pen, far too much."""
    with pytest.raises(am.UsageError):
        Expression(text, about_one=True)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """No other error, whatever somebody types."""
    try:
        Expression(text)
    except am.UsageError as error:
        assert error.fix  # noqa: PT017 - either is right


@pytest.mark.parametrize("text", ["9 ** 9 ** 9 > count", "'a' * 10 ** 9 == status"])
def test_an_answer_that_would_not_fit_is_an_error_at_once(text: str) -> None:
    """Numbers and texts are bounded."""
    with pytest.raises(OverflowError):
        asked(text)


def test_names_stand_for_agents_where_nobody_says_which_agent() -> None:
    """By type, in any case, or with a key."""
    expression = Expression("writer.count > 3 and Writer['w1'].count < writer.other")

    assert expression.agents == [AgentName("writer", None), AgentName("Writer", "w1")]
    assert expression.attributes == {0: ["count", "other"], 1: ["count"]}


@pytest.mark.parametrize("text", ["1 > 0", "len('abc')"])
def test_an_expression_about_nobody_is_refused(text: str) -> None:
    """It would hold always, or never."""
    with pytest.raises(am.UsageError, match="names no agent"):
        Expression(text)


def test_changed_compares_with_the_event_before_even_when_nobody_asks() -> None:
    """`and` does not hide from it what happened in between; the first value is no change."""
    values = {"on": False, "status": "a"}
    expression = Expression("on and changed('status')", about_one=True)
    scope = Scope(lambda _, name: values[name])
    answers = []
    for values["on"], values["status"] in [
        (True, "a"),
        (True, "b"),
        (False, "c"),
        (True, "c"),
        (True, "d"),
    ]:
        answers.append(expression.evaluate(scope))

    assert answers == [False, True, False, False, True]


def test_an_agent_that_is_not_there_is_no_error_of_the_expression() -> None:
    """Whoever asks tells the two apart."""

    def read(_: int, name: str) -> Any:
        raise NotThereError(name)

    expression = Expression("changed(writer.status) or writer.count")
    with pytest.raises(NotThereError):
        expression.evaluate(Scope(read))
