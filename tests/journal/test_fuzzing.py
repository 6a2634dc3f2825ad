"""A small part of what `tests/journal/fuzzing.py` does at full size, by hand."""

import collections
import random
from pathlib import Path

from tests.journal.corpus import build
from tests.journal.fuzzing import try_one

SAMPLES = 40


def test_broken_runs_are_answered_or_refused(tmp_path: Path) -> None:
    """Whatever is in a file, a reader answers, or raises a documented error."""
    build(tmp_path / "corpus")
    seed = random.randrange(10**9)
    ends: collections.Counter[str] = collections.Counter()
    for number in range(SAMPLES):
        problem = try_one(seed, number, tmp_path / "corpus", ends)
        assert not problem, f"python tests/journal/fuzzing.py --seed {seed} --only {number}"

    assert ends.total() == SAMPLES
