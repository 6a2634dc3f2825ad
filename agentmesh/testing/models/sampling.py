"""Where the simulator's chance comes from: keyed draws, or true randomness.

A draw is keyed by what is asked, never by when: seed, digest of the canonical
request, and how often that very request was seen before. Requests that differ
may therefore arrive in any order, from any number of clients, and each gets
the same answer under the same seed. Only identical requests are told apart by
order of arrival, and there it makes no difference which of them is which.

Two streams come out of one key. *Identity* (ids, latency, faults, the
probability of a rule) differs for each occurrence: a network does not care
for the temperature. *Content* (which answer, generated JSON) is fixed where
the request asks for determinism: at temperature 0, or with a `seed` of its
own, the same request gets the same answer every time.
"""

import hashlib
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

# Fields that say how to deliver, bill or file an answer, not what to answer.
# Streamed and unstreamed requests get the same answer; a trace id changes nothing.
_NOT_ASKED = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "user",
    }
)

# Stands in for a server's seed where only the request asks for determinism.
_NO_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """The chance one request gets."""

    identity: bytes
    """Key of everything that differs each time the same request arrives."""

    content: bytes
    """Key of what the model says."""

    occurrence: int
    """1 when this very request arrives for the first time, 2 the next time, ..."""

    def identifier(self, *path: object) -> str:
        """Return an id of 24 hexadecimal digits."""
        return _key(self.identity, *path).hex()[:24]

    def network(self, *path: object) -> random.Random:
        """Return a generator for latency, faults and probabilities."""
        return _generator(self.identity, *path)

    def model(self, *path: object) -> random.Random:
        """Return a generator for what the model says."""
        return _generator(self.content, *path)


class Sampler:
    """Hands out draws and counts how often each request was seen. Thread-safe."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._seen: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    @property
    def seeded(self) -> bool:
        """Whether every draw follows from the seed."""
        return self._seed is not None

    def admit(self, digest: bytes, *, repeatable: bool) -> Draws:
        """Return the draws of one request that has just arrived.

        Args:
            digest: Digest of the canonical request, see `request_digest`.
            repeatable: The request asks for the same answer each time.
        """
        with self._lock:
            self._seen[digest] += 1
            occurrence = self._seen[digest]
        fresh = os.urandom(16)
        seeded = _key(b"", self._seed, digest.hex(), occurrence)
        identity = seeded if self._seed is not None else fresh
        if repeatable:
            content = _key(b"", self._seed if self.seeded else _NO_SEED, digest.hex())
        else:
            content = identity
        return Draws(identity=identity, content=content, occurrence=occurrence)


def request_digest(path: str, body: Mapping[str, object]) -> bytes:
    """Digest what a request asks, without how the answer is to be delivered.

    Ids of tool calls are replaced by their order of appearance: some clients
    make up ids of their own, and those say nothing about the question.
    """
    asked = {name: value for name, value in body.items() if name not in _NOT_ASKED}
    ordinals: dict[str, str] = {}
    if isinstance(asked.get("messages"), list):
        asked["messages"] = _without_call_ids(asked["messages"], ordinals)
    canonical = json.dumps([path, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode("ascii"), digest_size=16).digest()


def _without_call_ids(value: object, ordinals: dict[str, str], name: str = "") -> object:
    """Copy JSON with the ids of tool calls numbered in order of appearance."""
    if isinstance(value, dict):
        in_call = name == "tool_calls"
        return {
            key: ordinals.setdefault(item, f"call {len(ordinals) + 1}")
            if isinstance(item, str) and (key == "tool_call_id" or (in_call and key == "id"))
            else _without_call_ids(item, ordinals, key)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_call_ids(item, ordinals, name) for item in value]
    return value


def _key(parent: bytes, *path: object) -> bytes:
    text = "\x1f".join(str(part) for part in path)
    return hashlib.blake2b(text.encode(), key=parent, digest_size=16).digest()


def _generator(key: bytes, *path: object) -> random.Random:
    # Draws decide simulated answers; they protect nothing.
    return random.Random(int.from_bytes(_key(key, *path), "big"))  # noqa: S311
