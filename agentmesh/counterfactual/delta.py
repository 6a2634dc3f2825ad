"""Delta debugging: a set made as small as it goes, of which no one part can be left out.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002); complements
first, since most of what two runs differ by has nothing to do with the failure.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Part = TypeVar("Part")


def smallest(parts: Sequence[Part], holds: Callable[[list[Part]], bool]) -> list[Part]:
    """Return a part of a set for which something still holds, and for none of whose own.

    Args:
        parts: The set, for which it holds.
        holds: Tells whether it holds for some of its parts.
    """
    kept, pieces = list(parts), 2
    while len(kept) > 1:
        size = -(-len(kept) // pieces)
        cuts = [(start, start + size) for start in range(0, len(kept), size)]
        rests = (kept[:start] + kept[end:] for start, end in cuts)
        smaller = next((rest for rest in rests if rest and holds(rest)), None)
        if smaller is None and pieces > 2:  # noqa: PLR2004 - of two, each is the other's rest
            chunks = (kept[start:end] for start, end in cuts)
            smaller = next((chunk for chunk in chunks if holds(chunk)), None)
        if smaller is not None:
            kept, pieces = smaller, max(2, pieces - 1)
        elif pieces < len(kept):
            pieces = min(len(kept), 2 * pieces)
        else:
            break
    return kept
