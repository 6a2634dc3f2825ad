"""Embedding vectors from text, without a model: signed hashing of its features.

The features of a text are its words and the three-letter pieces of its words;
each is hashed to a few positions with a sign. Texts that share words, or
spellings, therefore point in similar directions, and texts that share nothing
are nearly orthogonal. The same text always gets the same unit vector; seed
and order of arrival play no part, as with a real embedding model.
"""

import base64
import hashlib
import math
import re
import struct
from collections import Counter

_WORD = re.compile(r"\w+")

# A shared word says more about likeness than a shared piece of one.
_WORD_WEIGHT = 1.0
_PIECE_WEIGHT = 0.35
_PIECE_LENGTH = 3

# Positions a feature touches: more make unrelated texts more evenly orthogonal.
_POSITIONS = 8


def embed(text: str, dimensions: int) -> list[float]:
    """Return the unit vector of a text; its numbers are exact in 32 bits.

    Args:
        text: Any text that is not empty.
        dimensions: Length of the vector, 1 or more.
    """
    vector = [0.0] * dimensions
    for feature, weight in _features(text).items():
        for position, sign in _places(feature, dimensions):
            vector[position] += sign * weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:  # every feature cancelled out, which few dimensions make possible
        vector[0] = length = 1.0
    packed = struct.pack(f"<{dimensions}f", *(value / length for value in vector))
    return list(struct.unpack(f"<{dimensions}f", packed))


def as_base64(vector: list[float]) -> str:
    """Return a vector as the API's `base64` encoding: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _features(text: str) -> dict[str, float]:
    features: Counter[str] = Counter()
    for word in _WORD.findall(text.casefold()):
        features["word " + word] += 1
        framed = f"<{word}>"
        for start in range(len(framed) - _PIECE_LENGTH + 1):
            features["piece " + framed[start : start + _PIECE_LENGTH]] += 1
    if not features:  # punctuation only: the text as a whole
        features["text " + text] += 1
    return {
        # Damped, so that a repeated word does not drown the others.
        name: (1 + math.log(count)) * (_WORD_WEIGHT if name.startswith("word ") else _PIECE_WEIGHT)
        for name, count in features.items()
    }


def _places(feature: str, dimensions: int) -> list[tuple[int, float]]:
    encoded = feature.encode("utf-8", "surrogatepass")
    hashed = hashlib.blake2b(encoded, digest_size=4 * _POSITIONS).digest()
    numbers = struct.unpack(f"<{_POSITIONS}I", hashed)
    return [((number >> 1) % dimensions, 1.0 if number & 1 else -1.0) for number in numbers]
