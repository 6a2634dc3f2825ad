"""Randomness as a function of identity: the n-th draw under a key is always the same.

A generator is named by what draws (run seed, agent, cause), never by when it
draws, so that a run and its counterfactual share randomness wherever they agree
(Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; here the
keyed permutation is BLAKE2b over a counter).
"""

import random
from hashlib import blake2b
from typing import Any

_WORD_BITS = 512


class KeyedRandom(random.Random):
    """A `random.Random` whose stream is named by a key.

    Args:
        identity: What names the stream: equal identities draw equal values.
    """

    def __init__(self, *identity: str) -> None:
        # Not the base's, which would only seed a generator that is never drawn from.
        self._root = blake2b("\x1f".join(identity).encode("utf-8", "surrogatepass")).digest()
        self._start(self._root)

    def _start(self, key: bytes) -> None:
        self._key = key
        self._counter = 0  # blocks taken so far
        self._pool = 0  # bits taken and not yet drawn
        self._pool_bits = 0
        self.gauss_next: float | None = None  # what `gauss` keeps for its next call

    def getrandbits(self, k: int, /) -> int:
        """Return the next `k` bits of the stream."""
        if k < 0:
            message = "number of bits must be non-negative"
            raise ValueError(message)
        while self._pool_bits < k:
            counter = self._counter.to_bytes(16, "little")
            block = blake2b(counter, key=self._key, digest_size=64).digest()
            self._pool |= int.from_bytes(block, "little") << self._pool_bits
            self._pool_bits += _WORD_BITS
            self._counter += 1
        value = self._pool & ((1 << k) - 1)
        self._pool >>= k
        self._pool_bits -= k
        return value

    def random(self) -> float:
        """Return the next float in [0, 1), with 53 bits."""
        return self.getrandbits(53) * (1.0 / 9007199254740992.0)

    def randbytes(self, n: int) -> bytes:
        """Return the next `n` bytes of the stream."""
        return self.getrandbits(n * 8).to_bytes(n, "little")

    def seed(self, a: object = None, version: int = 2) -> None:
        """Start the stream that this identity and `a` name: the same one for an equal `a`.

        Without a value nothing changes: the stream is as unpredictable as it can be.
        """
        del version
        if a is None:
            return
        if not isinstance(a, int | float | str | bytes | bytearray):
            message = "The only supported seed types are: None, int, float, str, bytes, bytearray."
            raise TypeError(message)
        self._start(blake2b(repr(a).encode("utf-8", "surrogatepass"), key=self._root).digest())

    def getstate(self) -> tuple[Any, ...]:
        """Return the position in the stream."""
        return (
            self._root,
            self._key,
            self._counter,
            self._pool,
            self._pool_bits,
            self.gauss_next,
        )

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Go to a position that `getstate` returned."""
        (
            self._root,
            self._key,
            self._counter,
            self._pool,
            self._pool_bits,
            self.gauss_next,
        ) = state
