"""What model calls cost, in US dollars: prices per million tokens, and the sums.

A small table of well-known models is built in, with the date at which it was right. Whoever runs
something else, or pays something else, names a file of their own in `AGENTMESH_PRICES`:

    [models."my-model-*"]       # a name, or a pattern
    input = 0.5                 # US dollars per million tokens
    cached_input = 0.05         # read from the provider's cache; the input's price by default
    cache_write = 0.6           # written to it; the input's price by default
    output = 2.0

What is in the file goes before what is built in. The whole table is recorded with each run, so
that what a run cost never changes afterwards. A model without a price costs an unknown sum, and
never nothing.

This knows no runs: it is given tokens, and a table.
"""

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from agentmesh.causality.usage import Usage
from agentmesh.errors import UsageError

PRICES = "AGENTMESH_PRICES"
"""Setting, and environment variable: the path of a file with prices."""

AS_OF = "2026-04-30"
"""When the built-in prices were those that providers list."""

SIMULATED = "sim-"
"""What the names of embedded models begin with: their prices are made up."""

_TOKENS = 1e6
_FIELDS = ("input", "cached_input", "cache_write", "output")
_DATED = re.compile(r"[-@]\d{4}-?\d{2}-?\d{2}$|-latest$")


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a million tokens of a model cost, in US dollars."""

    input: float
    output: float
    cached_input: float | None = None
    """As the input by default."""
    cache_write: float | None = None
    """As the input by default."""

    def of(self, used: Usage) -> float:
        """Return what tokens cost, in US dollars."""
        plain = used.input_tokens - used.cached_tokens - used.written_tokens
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        return (
            max(plain, 0) * self.input
            + used.cached_tokens * cached
            + used.written_tokens * written
            + used.output_tokens * self.output
        ) / _TOKENS

    def as_json(self) -> dict[str, float]:
        """Return plain values."""
        return {name: value for name, value in vars(self).items() if value is not None}


def _built_in(listed: str) -> dict[str, Price]:
    found = {}
    for line in listed.strip().splitlines():
        name, *numbers = line.split()
        prompt, cached, output = map(float, numbers)
        found[name] = Price(input=prompt, cached_input=cached, output=output)
    return found


BUILT_IN = _built_in("""
gpt-5.5                  5       0.5     30
gpt-5.4                  2.5     0.25    15
gpt-5.4-mini             0.75    0.075    4.5
gpt-5.2                  1.75    0.175   14
gpt-5.1                  1.25    0.125   10
gpt-5                    1.25    0.125   10
gpt-5-mini               0.25    0.025    2
gpt-5-nano               0.05    0.005    0.4
gpt-4.1                  2       0.5      8
gpt-4.1-mini             0.4     0.1      1.6
gpt-4.1-nano             0.1     0.025    0.4
gpt-4o                   2.5     1.25    10
gpt-4o-mini              0.15    0.075    0.6
o3                       2       0.5      8
o4-mini                  1.1     0.275    4.4
text-embedding-3-large   0.13    0.13     0
text-embedding-3-small   0.02    0.02     0
claude-opus-4-6          5       0.5     25
claude-opus-4-5          5       0.5     25
claude-opus-4-1         15       1.5     75
claude-sonnet-4-6        3       0.3     15
claude-sonnet-4-5        3       0.3     15
claude-sonnet-4          3       0.3     15
claude-haiku-4-5         1       0.1      5
claude-3-5-haiku         0.8     0.08     4
gemini-3-pro-preview     2       0.2     12
gemini-3-flash-preview   0.5     0.05     3
gemini-2.5-pro           1.25    0.125   10
gemini-2.5-flash         0.3     0.03     2.5
gemini-2.5-flash-lite    0.1     0.01     0.4
sim-large                2.5     0.25    15
sim-small                0.25    0.025    2
sim-embedding            0.02    0.02     0
""")
"""Input, cached input, output. Those of `sim-` are made up, so that simulated runs compare."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run's model calls cost."""

    usd: float | None = 0.0
    """None if that of some is not known."""
    known_usd: float = 0.0
    """Of those that are known."""
    models: dict[str, float | None] = field(default_factory=dict)
    """By model; empty without any calls."""
    calls: int = 0
    """How many."""
    simulated: bool = False
    """Whether some of it is made up: an embedded model has answered."""

    @property
    def unknown(self) -> list[str]:
        """Models without a price, or whose answers did not say what they used."""
        return [name for name, usd in self.models.items() if usd is None]

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "unknown": self.unknown}


@dataclass(frozen=True, kw_only=True)
class Prices:
    """A table of prices.

    Args:
        models: By name or pattern.
        as_of: When the built-in ones were right.
        source: The file of the user's own; empty for none.
    """

    models: Mapping[str, Price] = field(default_factory=dict)
    as_of: str = ""
    source: str = ""

    def price_of(self, model: str) -> Price | None:
        """Return a model's price; None if there is none.

        A name goes before a pattern, a longer pattern before a shorter one, and what is missing
        is looked for without the provider in front and the date at the end.
        """
        names = _names(model)
        exact = next((name for name in names if name in self.models), None)
        if exact is not None:
            return self.models[exact]
        matching = [
            each
            for each in self.models
            if "*" in each and any(fnmatchcase(name, each) for name in names)
        ]
        return self.models[max(matching, key=len)] if matching else None

    def cost_of(self, model: str, used: Usage) -> float | None:
        """Return what tokens of a model cost, in US dollars; None if it has no price."""
        price = self.price_of(model)
        return None if price is None else price.of(used)

    def total(self, usage: Mapping[str, Usage]) -> Cost:
        """Return what the calls of a run cost.

        Args:
            usage: Tokens by model, as `causality.figures` counts them.
        """
        models = {
            name: None if used.uncounted else self.cost_of(name, used)
            for name, used in sorted(usage.items())
        }
        known = sum(usd for usd in models.values() if usd is not None)
        return Cost(
            usd=None if None in models.values() else known,
            known_usd=known,
            models=models,
            calls=sum(used.calls for used in usage.values()),
            simulated=any(name.startswith(SIMULATED) for name in models),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the table as it is recorded with a run."""
        return {
            "as_of": self.as_of,
            "source": self.source,
            "usd_per_million_tokens": {name: p.as_json() for name, p in self.models.items()},
        }


def in_force(
    explicit: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Prices:
    """Return the prices of a run that starts now.

    Args:
        explicit: The user's settings; go before the environment.
        environ: The environment; the process's own by default.

    Raises:
        UsageError: The file that is named can't be read, or is no table of prices.
    """
    environ = os.environ if environ is None else environ
    file = (explicit or {}).get(PRICES) or environ.get(PRICES, "")
    own = _read(Path(file).expanduser()) if file else {}
    return Prices(models={**own, **_without(BUILT_IN, own)}, as_of=AS_OF, source=file)


def recorded(value: Mapping[str, Any]) -> Prices:
    """Return the prices that were recorded with a run; an empty table if none were.

    Args:
        value: What `run.json` has.
    """
    rows = value.get("usd_per_million_tokens")
    models = {}
    for name, row in (rows if isinstance(rows, dict) else {}).items():
        price = _price(row)
        if price is not None:
            models[name] = price
    said = (str(value.get(name) or "") for name in ("as_of", "source"))
    return Prices(models=models, as_of=next(said), source=next(said))


def cost_of(model: str, used: Usage) -> float | None:
    """Return what tokens cost by the prices in force now, in US dollars.

    Args:
        model: The model's name.
        used: The tokens.

    Returns:
        None if the model has no price.
    """
    return in_force().cost_of(model, used)


def _names(model: str) -> list[str]:
    bare = model.rpartition("/")[2]
    return [model, _DATED.sub("", model), bare, _DATED.sub("", bare)]


def _without(built_in: Mapping[str, Price], own: Mapping[str, Price]) -> dict[str, Price]:
    """Leave out built-in prices that a pattern of the user's is meant to replace."""
    patterns = [each for each in own if "*" in each]
    return {
        name: price
        for name, price in built_in.items()
        if name not in own and not any(fnmatchcase(name, each) for each in patterns)
    }


def _read(path: Path) -> dict[str, Price]:
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The prices in {path} can't be read: {error}.",
            cause=f"{PRICES} names this file.",
            fix="Name a TOML file, or unset it to use the built-in prices.",
        ) from None
    models = value.get("models")
    if set(value) - {"models"} or not isinstance(models, dict) or not models:
        raise _refused(path, "it has no table `models`, or something beside it")
    found = {}
    for name, row in models.items():
        price = _price(row)
        if price is None:
            raise _refused(path, f"the row of {name!r} is {row!r}")
        found[name] = price
    return found


def _refused(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} is no table of prices: {why}.",
        cause=f"{PRICES} names this file.",
        fix='Write a row for each model: [models."my-model"], with input and output in US dollars '
        "per million tokens; cached_input and cache_write may be added.",
    )


def _price(row: object) -> Price | None:
    """Return a price; None if a row can't be one."""
    if not isinstance(row, dict) or set(row) - set(_FIELDS):
        return None
    numbers = {
        name: float(value)
        for name, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    if len(numbers) != len(row) or any(not math.isfinite(n) or n < 0 for n in numbers.values()):
        return None
    if "input" not in numbers:
        return None
    return Price(**{"output": 0.0, **numbers})
