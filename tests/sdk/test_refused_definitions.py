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


def no_self() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(question: Question) -> str:  # type: ignore[misc]  # noqa: N805
            return question.text


def nothing_at_all() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer() -> str:  # type: ignore[misc]
            return ""


def static_method() -> None:
    @am.agent
    class Wrong:
        @staticmethod
        @am.handler
        async def answer(question: Question) -> str:
            return question.text


def class_method() -> None:
    @am.agent
    class Wrong:
        @am.handler
        @classmethod
        async def answer(cls, question: Question) -> str:
            return question.text


def default_for_the_message() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question = Question(text="")) -> str:  # noqa: B008
            return question.text


def keyword_only() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, *, question: Question) -> str:
            return question.text


def optional_message() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question | None) -> str:
            return str(question)


def two_of_one_name() -> None:
    other = type("Question", (am.Message,), {})

    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question | other) -> str:  # type: ignore[valid-type]
            return str(question)


def base_message_as_reply() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: Question) -> am.Message:
            return question


def stream_of_nothing() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def items(self, question: Question) -> AsyncIterator:  # type: ignore[type-arg]
            yield question.text


def stream_that_returns() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def items(self, question: Question) -> AsyncIterator[str]:
            raise ValueError(question.text)


def opaque_stream() -> None:
    @am.agent
    class Wrong:
        @am.handler(opaque=True)
        async def items(self, question: Question) -> AsyncIterator[str]:
            yield question.text


def hint_that_can_not_be_read() -> None:
    @am.agent
    class Wrong:
        @am.handler
        async def answer(self, question: "am.Qestion") -> str:  # type: ignore[name-defined]
            return str(question)


def attribute_of_an_unknown_type() -> None:
    @am.agent
    class Wrong:
        asked: "Nmuber" = 0  # type: ignore[name-defined]  # noqa: F821

        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def attribute_whose_type_can_not_be_read() -> None:
    @am.agent
    class Wrong:
        asked: "am.Nmuber" = 0  # type: ignore[name-defined]

        @am.handler
        async def answer(self, question: Question) -> str:
            return question.text


def function_that_takes_text() -> None:
    @am.agent
    async def wrong(text: str) -> str:
        return text


def an_instance() -> None:
    am.agent(3)  # type: ignore[call-overload]


def a_handler_that_is_none() -> None:
    am.handler(3)  # type: ignore[call-overload]


def name_with_a_line_break() -> None:
    @am.workflow(name="a\nb")
    async def wrong() -> None: ...


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
    (no_self, "does not take `self`", "async def answer(self, ...)"),
    (nothing_at_all, "does not take `self`", "async def answer(self, ...)"),
    (static_method, "Wrong.answer is a staticmethod", "ordinary method"),
    (class_method, "answer is a classmethod", "ordinary method"),
    (default_for_the_message, "has a default for 'question'", "Remove the default"),
    (keyword_only, "takes (*, question: ", "class Request(am.Message)"),
    (optional_message, "takes None, which is not a message", "class AnswerRequest(am.Message)"),
    (two_of_one_name, "both called Question", "another name"),
    (base_message_as_reply, "return Message, which has no fields", "type of what it returns"),
    (stream_of_nothing, "yields, but is declared to return AsyncIterator", "AsyncIterator[Item]"),
    (stream_that_returns, "AsyncIterator[str], but does not yield", "`async def` that yields"),
    (opaque_stream, "is opaque and yields", "leave out `opaque`"),
    (hint_that_can_not_be_read, "can't be read", "Correct the hint"),
    (attribute_of_an_unknown_type, "annotated with 'Nmuber'", "Import 'Nmuber'"),
    (attribute_whose_type_can_not_be_read, "can't be read", "Correct the annotation"),
    (function_that_takes_text, "takes str", "class WrongRequest(am.Message)"),
    (an_instance, "@am.agent got 3", "class or an `async def` function"),
    (a_handler_that_is_none, "@am.handler got 3", "above an `async def`"),
    (name_with_a_line_break, "can't be an agent's name", "letters, digits"),
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
