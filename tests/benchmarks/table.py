"""What a benchmark measured, as rows of one table; and whether targets were met.

Machines are shared and noisy: a row has the median, minimum and maximum of several
rounds, and a ratio is computed from rounds that ran in turn, never from times of
different runs.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was measured."""

    name: str
    unit: str
    values: Sequence[float]
    """One per round."""
    baseline: str = ""
    """What it is compared with."""
    baseline_values: Sequence[float] = ()
    """One per round, measured right before or after the value of the same round."""
    invert: bool = False
    """Whether the ratio is baseline over value: for times, where less is better."""
    target: float | None = None
    """Of the ratio, or of the median where there is no baseline."""
    at_least: bool = True
    """Whether the target is a lower bound."""
    ratios: Sequence[float] = field(default=())
    """Given where they are not value by baseline, round by round."""

    def paired(self) -> list[float]:
        """Return the ratio of each round."""
        if self.ratios:
            return list(self.ratios)
        pairs = zip(self.values, self.baseline_values, strict=True)
        if self.invert:
            return [base / value for value, base in pairs]
        return [value / base for value, base in pairs]

    @property
    def ratio(self) -> float | None:
        """Median of the rounds' ratios."""
        return statistics.median(self.paired()) if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None without one."""
        if self.target is None:
            return None
        shown = self.ratio if self.ratio is not None else statistics.median(self.values)
        return shown >= self.target if self.at_least else shown <= self.target

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        summary = {"median": statistics.median(self.values), "ratio": self.ratio, "met": self.met}
        return {**asdict(self), **summary}


def shown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = ("name", "median", "min", "max", "unit", "baseline", "ratio", "target")
    lines = [list(head), ["---"] * len(head)]
    lines.extend(_cells(row) for row in rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def _cells(row: Row) -> list[str]:
    target = ""
    if row.target is not None:
        mark = "met" if row.met else "MISSED"
        target = f"{'>=' if row.at_least else '<='} {row.target:g} {mark}"
    baseline = ""
    if row.baseline:
        base = f" {number(statistics.median(row.baseline_values))}" if row.baseline_values else ""
        baseline = f"{row.baseline}{base}"
    ratio = "" if row.ratio is None else f"{number(row.ratio)}x"
    return [
        row.name,
        number(statistics.median(row.values)),
        number(min(row.values)),
        number(max(row.values)),
        row.unit,
        baseline,
        ratio,
        target,
    ]


def number(value: float) -> str:
    """Return a number with three significant digits, thousands separated."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
