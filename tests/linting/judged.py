"""Findings over installed code bases that somebody has judged, one by one, by reading the code.

`judged.csv` has a line for each: package, version, file, line, rule, `true` or `false`, and why.
True means: were the coroutine a handler, a replay of it could differ, or the run would be refused.
Rules were corrected while this code was read, so that on other code they may be right less often.
"""

import csv
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("judged.csv")


@dataclass(frozen=True)
class Judged:
    """One finding, and what was thought of it."""

    package: str
    version: str
    file: str
    line: int
    rule: str
    is_true: bool
    why: str

    @property
    def place(self) -> tuple[str, int, str]:
        """File, line and rule."""
        return self.file, self.line, self.rule


@dataclass
class Verdicts:
    """What was judged of one rule."""

    true: int = 0
    false: int = 0

    @property
    def precision(self) -> float:
        """The share of findings that were judged true."""
        return self.true / (self.true + self.false)


def read_judged() -> list[Judged]:
    """Return all that were judged."""
    with _FILE.open(encoding="utf-8", newline="") as lines:
        return [
            Judged(
                package=each["package"],
                version=each["version"],
                file=each["file"],
                line=int(each["line"]),
                rule=each["rule"],
                is_true={"true": True, "false": False}[each["verdict"]],
                why=each["why"],
            )
            for each in csv.DictReader(lines)
        ]


def compare(
    judged: Collection[Judged],
    found: Collection[tuple[str, int, str]],
    versions: dict[str, str],
) -> tuple[dict[str, Verdicts], int]:
    """Return the verdicts of what is still found, by rule, and how many labels match no more.

    Args:
        judged: What was judged.
        found: File, line and rule of what is found now.
        versions: Installed version of each package.
    """
    verdicts: dict[str, Verdicts] = defaultdict(Verdicts)
    stale = 0
    for one in judged:
        if versions.get(one.package) != one.version or one.place not in found:
            stale += 1
        elif one.is_true:
            verdicts[one.rule].true += 1
        else:
            verdicts[one.rule].false += 1
    return dict(verdicts), stale
