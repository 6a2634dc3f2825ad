"""A definition that can't work fails when its module is imported, and shows the fix."""

from collections.abc import AsyncIterator, Callable

import pytest

import agentmesh as am


class Question(am.Message):
    """A message."""

    text: str


def not_asynchronous() -> None:
    @am.agent
    class Wrong:
        @am.handler
        def answer(self, question: Question) -> str:
            return question.text


def two_parameters() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question, times: int) -> str:
            return question.text * times


def no_hint() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question) -> str:
            return str(question)


def not_a_message() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: str) -> str:
            return question


def no_return_hint() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question):
            return question.text


def stream_with_the_hint_of_a_reply() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def items(self, question: Question) -> str:  # type: ignore[misc]
            yield question.text


def initialiser() -> None:
    @am.agent
    class Wrong:
        def __init__(self) -> None:
            self.asked = 0

        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def no_handler() -> None:
    @am.agent
    class Wrong:
        asked: int = 0


def unknown_name() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: "Qestion") -> str:  # type: ignore[name-defined]  # noqa: F821
            return str(question)


def state_that_is_no_data() -> None:
    @am.agent
    class Wrong:
        callback: Callable[[], None] = print

        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def default_of_another_type() -> None:
    @am.agent
    class Wrong:
        asked: int = "many"  # type: ignore[assignment]

        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def name_with_a_slash() -> None:
    @am.agent(name="a/b")
    class Wrong:
        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def no_concurrency() -> None:
    @am.agent(concurrency=0)
    class Wrong:
        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def streaming_workflow() -> None:
    @am.workflow
    async def wrong() -> AsyncIterator[str]:
        yield "one"


def reply_that_is_no_data() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question) -> Callable[[], None]:
            return print


def topic_without_name() -> None:
    @am.agent
    class Wrong:
        @am.subscribe("")
        async def answer(self, question: Question) -> None: ...


REFUSED = [
    (not_asynchronous, "is not asynchronous", "async def answer"),
    (two_parameters, "takes (question: ", "class Request(am.Message)"),
    (no_hint, "has no type hint", "question: SomeMessage"),
    (not_a_message, "takes str, which is not a message", "class AnswerRequest(am.Message)"),
    (no_return_hint, "does not say what it returns", "-> None"),
    (stream_with_the_hint_of_a_reply, "yields, but is declared", "AsyncIterator[Item]"),
    (initialiser, "defines __init__", "asked: int = 0"),
    (no_handler, "has no handler", "@am.handler"),
    (unknown_name, "names 'Qestion'", "Import 'Qestion'"),
    (state_that_is_no_data, "'callback'", "plain types"),
    (default_of_another_type, "'many'", "Correct the annotation"),
    (name_with_a_slash, "'a/b' can't be an agent's name", "letters, digits"),
    (no_concurrency, "concurrency=0", "from 1"),
    (streaming_workflow, "yields", "Return the result"),
    (reply_that_is_no_data, "can't be written as JSON", "plain types"),
    (topic_without_name, "instead of a topic's name", '@am.subscribe("prices")'),
]


@pytest.mark.parametrize(
    ("define", "what", "fix"), REFUSED, ids=[define.__name__ for define, _, _ in REFUSED]
)
def test_a_definition_that_can_not_work_is_refused_with_the_fix(
    define: Callable[[], None], what: str, fix: str
) -> None:
    """Found at import, not at three in the morning."""
    with pytest.raises(am.DefinitionError) as caught:
        define()

    assert what in str(caught.value)
    assert fix in str(caught.value)


def test_verbs_outside_a_handler_say_where_they_work() -> None:
    """There is no journal to write to."""
    for verb in (am.now, am.random, am.uuid, am.context, lambda: am.log("x")):
        with pytest.raises(am.NotInHandlerError, match="outside any run"):
            verb()


def test_a_handler_that_does_not_exist_is_an_attribute_error_with_the_names_that_do() -> None:
    """A slip of the pen in a call."""

    @am.agent
    class Right:
        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text

    with pytest.raises(AttributeError, match="it has: answer"):
        am.ref(Right).anwser(Question(text="x"))  # type: ignore[attr-defined]


def test_a_class_that_is_no_agent_can_not_be_referred_to() -> None:
    """The decorator was forgotten."""

    class Plain:
        pass

    with pytest.raises(am.DefinitionError, match=r"Decorate the class or function with @am\.agent"):
        am.ref(Plain)


@pytest.mark.parametrize("key", ["", "a#b", "a\nb"])
def test_a_key_that_can_not_be_part_of_an_address_is_refused(key: str) -> None:
    """Addresses name agents in journals and logs."""

    @am.agent
    class Right:
        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text

    with pytest.raises(am.DefinitionError, match="can't be an agent's key"):
        am.ref(Right, key)
