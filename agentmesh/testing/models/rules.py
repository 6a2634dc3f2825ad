"""When a simulated model answers what: one condition with one answer.

The rules of a server are tried in order; the first one that applies and has
something to say decides. A rule whose answer is passed over (see `ToolCalls`,
`Script`, `Computed`), that only slows things down, or that only disturbs the
answer, leaves the decision to the rules after it.
"""

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from agentmesh.errors import UsageError
from agentmesh.testing.models.answers import Answer, AnswerLike, as_answer, runs_user_code
from agentmesh.testing.models.chat_request import ChatRequest, Region, Request
from agentmesh.testing.models.faults import Fault
from agentmesh.testing.models.latency import Latency

Endpoint = Literal["chat", "embeddings", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An answer, and the requests it is for. Every condition that is set must hold."""

    answer: AnswerLike | None = None
    """What is answered; None changes the latency only."""

    name: str = ""
    """Shown in `server.requests` and in the header `x-agentmesh-rule`."""

    model: str = "*"
    """Name of the model, or a pattern such as `sim-*`."""

    endpoint: Endpoint | None = None
    """Which requests; None means "any" for a fault or a latency alone, else "chat"."""

    contains: str | None = None
    """A text that must occur, in exactly this spelling."""

    pattern: str | None = None
    """A regular expression that must be found; its named groups fill a `Template`."""

    within: Region = "last_user"
    """Where `contains` and `pattern` look."""

    tool: str | None = None
    """Name, or pattern of the name, of a tool that must be offered."""

    where: Callable[[Request], object] | None = None
    """A predicate over the request, for everything else."""

    nth: int | tuple[int, ...] | None = None
    """Only these of the requests that meet the conditions above; the first one is 1.
    Counted in order of arrival over the whole server."""

    occurrence: int | tuple[int, ...] | None = None
    """Only when the very same request arrives for this time; the first one is 1.
    Unlike `nth` it does not depend on what other clients ask meanwhile."""

    probability: float = 1.0
    """How often the rule applies where all else holds."""

    latency: Latency | None = None
    """Instead of the model's own latency."""

    def __post_init__(self) -> None:
        """Bring the fields into their long forms and refuse what can't work.

        Raises:
            UsageError: A field has a value with which the rule could never work.
        """
        if self.answer is not None:
            object.__setattr__(self, "answer", as_answer(self.answer))
        elif self.latency is None:
            fix = "Give it an answer, a fault, or a latency."
            raise self._wrong("has neither an answer nor a latency", fix)
        if not 0 <= self.probability <= 1:
            fix = "Use a number from 0 to 1."
            raise self._wrong(f"has the probability {self.probability}", fix)
        self._check_options()
        self._check_pattern()
        for field in ("nth", "occurrence"):
            object.__setattr__(self, field, self._numbers(field))

    @property
    def verdict(self) -> Answer | None:
        """The answer in its long form."""
        return None if self.answer is None else as_answer(self.answer)

    @property
    def label(self) -> str:
        """The rule's name, or a description of its answer."""
        return self.name or ("latency" if self.answer is None else type(self.answer).__name__)

    @property
    def runs_user_code(self) -> bool:
        """Whether the rule has to call a function of the user's."""
        verdict = self.verdict
        return self.where is not None or (verdict is not None and runs_user_code(verdict))

    def matches(self, request: Request) -> bool:
        """Whether the conditions on the request itself hold; counts and chance are not asked."""
        return (
            self._scope in {"any", request.endpoint}
            and fnmatch.fnmatchcase(request.model, self.model)
            and (self.contains is None or self.contains in request.region(self.within))
            and (self.pattern is None or self._found(request) is not None)
            and (self.tool is None or self._offered(request))
            and (self.where is None or bool(self.where(request)))
        )

    def groups(self, request: Request) -> dict[str, str]:
        """Return what the named groups of the pattern found."""
        found = self._found(request)
        return {} if found is None else {k: v or "" for k, v in found.groupdict().items()}

    def counts(self, nth: int, occurrence: int) -> bool:
        """Whether the rule is for this one of the requests that match."""
        return _among(self.nth, nth) and _among(self.occurrence, occurrence)

    @property
    def _scope(self) -> Endpoint:
        if self.endpoint is not None:
            return self.endpoint
        return "any" if self.answer is None or isinstance(self.answer, Fault) else "chat"

    def _offered(self, request: Request) -> bool:
        pattern = self.tool or "*"
        tools = request.tools if isinstance(request, ChatRequest) else ()
        return any(fnmatch.fnmatchcase(tool.name, pattern) for tool in tools)

    def _found(self, request: Request) -> re.Match[str] | None:
        return (
            None if self.pattern is None else re.search(self.pattern, request.region(self.within))
        )

    def _check_options(self) -> None:
        options = {"within": get_args(Region), "endpoint": (None, *get_args(Endpoint))}
        for field, allowed in options.items():
            value = getattr(self, field)
            if value not in allowed:
                listed = ", ".join(repr(option) for option in allowed)
                raise self._wrong(f"has {field}={value!r}", f"Use one of {listed}.")

    def _check_pattern(self) -> None:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            what = f"has the pattern {self.pattern!r}, which is no regular expression ({error})"
            raise self._wrong(what, "Escape special characters, or use `contains`.") from error

    def _numbers(self, field: str) -> tuple[int, ...] | None:
        value = getattr(self, field)
        if value is None:
            return None
        numbers = (value,) if isinstance(value, int) else tuple(value)
        if not numbers or any(type(number) is not int or number < 1 for number in numbers):
            raise self._wrong(f"has {field}={value!r}", "Count from 1: nth=1 is the first request.")
        return numbers

    def _wrong(self, what: str, fix: str) -> UsageError:
        return UsageError(f"The rule {self.name or '(unnamed)'} {what}.", fix=fix)


def _among(numbers: int | tuple[int, ...] | None, number: int) -> bool:
    if numbers is None:
        return True
    return number in (numbers if isinstance(numbers, tuple) else (numbers,))
