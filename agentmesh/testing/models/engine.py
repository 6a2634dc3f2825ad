"""The simulated provider without HTTP: a checked request in, a decision out.

No sockets, no clock, no threads. The HTTP layer calls `admit` when a request
arrives, which counts it, and `decide`, which tries the rules. The two are
apart because functions of the user's run in `decide`, in a thread, and what
a request is worth (its occurrence) must not depend on how long they take.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field

from agentmesh.testing.models.answering import Asked, resolve
from agentmesh.testing.models.api_errors import ApiError
from agentmesh.testing.models.chat_request import ChatRequest, EmbeddingRequest, Request
from agentmesh.testing.models.completion import (
    Completion,
    cut_short,
    prompt_tokens,
    within_limits,
)
from agentmesh.testing.models.config import DIMENSIONS, SimulatedModels
from agentmesh.testing.models.embeddings import embed
from agentmesh.testing.models.faults import (
    Disturbance,
    Failure,
    Fault,
    MalformedOutput,
)
from agentmesh.testing.models.latency import Latency
from agentmesh.testing.models.rules import Rule
from agentmesh.testing.models.sampling import Draws, Sampler, request_digest

_PATHS = {"chat": "/chat/completions", "embeddings": "/embeddings"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is sent for one request, and when."""

    draws: Draws
    latency: Latency

    rules: tuple[str, ...] = ()
    """Labels of the rules that had a part in it, in order."""

    failure: Failure | None = None
    """Comes instead of an answer."""

    disturbances: tuple[Disturbance, ...] = ()
    """Damage done to the answer."""

    completions: tuple[Completion, ...] = ()
    """The `n` answers to a chat request."""

    vectors: tuple[list[float], ...] = ()
    """The vectors of an embeddings request."""


class Simulator:
    """Decides what each request gets. Thread-safe."""

    def __init__(self, config: SimulatedModels) -> None:
        self.config = config
        self._sampler = Sampler(config.seed)
        self._matched: Counter[int] = Counter()
        self._lock = threading.Lock()
        self.runs_user_code = any(rule.runs_user_code for rule in config.rules)
        fallback = Rule(name="default", answer=config.default, endpoint="chat")
        self.runs_user_code = self.runs_user_code or fallback.runs_user_code
        self._rules = (*config.rules, fallback)

    @property
    def seeded(self) -> bool:
        """Whether every answer follows from a seed."""
        return self._sampler.seeded

    def admit(self, request: Request) -> Draws:
        """Count a request that has just arrived and return the chance it gets."""
        digest = request_digest(_PATHS[request.endpoint], request.body)
        return self._sampler.admit(digest, repeatable=request.repeatable)

    def decide(self, request: Request, draws: Draws) -> Decision:
        """Try the rules on a request.

        Raises:
            ApiError: The model is not to be had, the prompt is too long, or
                JSON was to be made up under a schema that allows none.
        """
        self._check_model(request)
        told = _Told()
        for index, rule in enumerate(self._rules):
            if self._applies(index, rule, request, draws) and _tell(rule, request, draws, told):
                break
        vectors: tuple[list[float], ...] = ()
        if isinstance(request, EmbeddingRequest) and told.failure is None:
            vectors = self._embed(request)
        return Decision(
            draws=draws,
            latency=self._latency(request, told),
            rules=tuple(told.rules),
            failure=told.failure,
            disturbances=tuple(told.disturbances),
            completions=_disturbed(told),
            vectors=vectors,
        )

    def _latency(self, request: Request, told: "_Told") -> Latency:
        if told.failure is not None:  # a gateway refuses at once, unless the rule says otherwise
            return told.latency or Latency()
        known = self.config.model(request.model)
        return told.latency or (known.latency if known else None) or self.config.latency

    def _embed(self, request: EmbeddingRequest) -> tuple[list[float], ...]:
        known = self.config.model(request.model)
        dimensions = request.dimensions or (known.dimensions if known else DIMENSIONS)
        return tuple(embed(text, dimensions) for text in request.texts)

    def _check_model(self, request: Request) -> None:
        known = self.config.model(request.model)
        if known is None and self.config.unknown_models == "refuse":
            message = f"The model '{request.model}' does not exist or you do not have access to it."
            raise ApiError(404, message, code="model_not_found")
        if known is not None and isinstance(request, ChatRequest):
            tokens = prompt_tokens(request)
            if tokens > known.context_tokens_max:
                message = (
                    f"This model's maximum context length is {known.context_tokens_max} tokens. "
                    f"However, your messages resulted in {tokens} tokens. "
                    "Please reduce the length of the messages."
                )
                raise ApiError(400, message, param="messages", code="context_length_exceeded")

    def _applies(self, index: int, rule: Rule, request: Request, draws: Draws) -> bool:
        if not rule.matches(request):
            return False
        with self._lock:
            self._matched[index] += 1
            nth = self._matched[index]
        if not rule.counts(nth, draws.occurrence):
            return False
        return rule.probability >= 1 or draws.network("rule", index).random() < rule.probability


@dataclass(slots=True)
class _Told:
    """What the rules tried so far have said."""

    rules: list[str] = field(default_factory=list)
    latency: Latency | None = None
    failure: Failure | None = None
    disturbances: list[Disturbance] = field(default_factory=list)
    completions: tuple[Completion, ...] = ()

    def note(self, rule: Rule) -> None:
        """Remember that a rule had a part in the decision; the first latency counts."""
        self.rules.append(rule.label)
        self.latency = self.latency or rule.latency


def _tell(rule: Rule, request: Request, draws: Draws, told: _Told) -> bool:
    """Add what one rule has to say; return whether that settles the matter."""
    said = _said(rule, request, draws)
    first = said[0] if said else None
    if first is None and rule.verdict is not None:
        return False
    told.note(rule)
    if isinstance(first, Disturbance):
        told.disturbances.append(first)
        return False
    if isinstance(first, Failure):
        told.failure = first
        return True
    if isinstance(first, Completion) and isinstance(request, ChatRequest):
        # A choice that came out as a fault takes after the first: a response is one thing.
        kept = [item if isinstance(item, Completion) else first for item in said]
        told.completions = tuple(within_limits(item, request) for item in kept)
        return True
    return False


def _said(rule: Rule, request: Request, draws: Draws) -> list[Completion | Fault | None]:
    """Return what a rule answers, once for each choice that is asked for."""
    verdict = rule.verdict
    if verdict is None:
        return []
    if isinstance(request, EmbeddingRequest):  # vectors are never scripted, faults may be
        return [verdict if isinstance(verdict, Fault) else None]
    groups = rule.groups(request)
    return [
        resolve(verdict, Asked(request=request, draws=draws, choice=choice, groups=groups))
        for choice in range(request.choices)
    ]


def _disturbed(told: _Told) -> tuple[Completion, ...]:
    if any(isinstance(item, MalformedOutput) for item in told.disturbances):
        return tuple(cut_short(item) for item in told.completions)
    return told.completions
