"""What a simulated provider is made of: its models, rules, seed and manners."""

from dataclasses import dataclass, field
from typing import Literal

from agentmesh.errors import UsageError
from agentmesh.testing.models.answers import AnswerLike, Echo, as_answer
from agentmesh.testing.models.latency import Latency
from agentmesh.testing.models.rules import Rule

# As wide as common real models, so that a prompt that fails here fails there.
CONTEXT_TOKENS = 128_000

# Large enough that unrelated texts are nearly orthogonal, small enough to read.
DIMENSIONS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedModel:
    """One model that the server lists."""

    name: str
    kind: Literal["chat", "embedding"] = "chat"

    latency: Latency | None = None
    """Instead of the server's latency."""

    context_tokens_max: int = CONTEXT_TOKENS
    """A longer prompt gets the API's `context_length_exceeded`."""

    dimensions: int = DIMENSIONS
    """Length of an embedding model's vectors, unless the request asks for another."""

    def __post_init__(self) -> None:
        """Refuse a model without a name, context or dimensions."""
        if not self.name or self.context_tokens_max < 1 or self.dimensions < 1:
            what = (
                f"SimulatedModel {self.name!r} has context_tokens_max={self.context_tokens_max} "
                f"and dimensions={self.dimensions}."
            )
            raise UsageError(what, fix="Give it a name, and numbers of 1 or more.")


MODELS = (
    SimulatedModel(name="sim-small"),
    SimulatedModel(name="sim-large"),
    SimulatedModel(name="sim-embedding", kind="embedding"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedModels:
    """Configuration of a simulated provider."""

    rules: tuple[Rule, ...] = ()
    """Tried in order; the first that has something to say decides."""

    default: AnswerLike = field(default_factory=Echo)
    """The answer where no rule has one."""

    seed: int | None = None
    """With a seed every answer follows from it and the request; without, models sample
    as real ones do: differently each time, except at temperature 0."""

    models: tuple[SimulatedModel, ...] = MODELS
    latency: Latency = field(default_factory=Latency)

    unknown_models: Literal["accept", "refuse"] = "accept"
    """Whether a model that is not listed answers like any other, or gets a 404. Accepted by
    default, so that a program written for a real model runs as it is."""

    api_key: str | None = None
    """If set, a request with another key, or none, gets a 401."""

    def __post_init__(self) -> None:
        """Bring the fields into their long forms and refuse what can't work.

        Raises:
            UsageError: A field has a value with which no server could work.
        """
        object.__setattr__(self, "rules", tuple(self.rules))
        object.__setattr__(self, "models", tuple(self.models))
        object.__setattr__(self, "default", as_answer(self.default))
        for rule in self.rules:
            if not isinstance(rule, Rule):
                what = f"{rule!r} stands among the rules and is no Rule."
                raise UsageError(what, fix='Write Rule(contains="...", answer="...").')
        names = [model.name for model in self.models]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError(f"Two models are named {twice!r}.", fix="Give each its own name.")
        if self.unknown_models not in {"accept", "refuse"}:
            what = f"SimulatedModels has unknown_models={self.unknown_models!r}."
            raise UsageError(what, fix="Use 'accept' or 'refuse'.")

    def model(self, name: str) -> SimulatedModel | None:
        """Return the listed model of that name."""
        return next((model for model in self.models if model.name == name), None)
