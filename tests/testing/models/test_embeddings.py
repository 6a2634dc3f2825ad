"""Embedding vectors: deterministic, of length one, near where texts are alike."""

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.testing.models import ModelServer, SimulatedModel, SimulatedModels
from agentmesh.testing.models.embeddings import embed
from tests.testing.models.helpers import client


def cosine(one: list[float], other: list[float]) -> float:
    """Return how alike the directions of two unit vectors are."""
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """A server without rules."""
    with ModelServer() as running:
        yield running


def test_vectors_arrive_through_the_sdk(server: ModelServer) -> None:
    """The SDK asks for base64 by itself; both encodings hold the same numbers."""
    with client(server) as opened:
        packed = opened.embeddings.create(model="sim-embedding", input=["a cat", "a dog"])
        plain = opened.embeddings.create(
            model="sim-embedding", input=["a cat", "a dog"], encoding_format="float"
        )

    assert [item.embedding for item in packed.data] == [item.embedding for item in plain.data]
    assert [item.index for item in packed.data] == [0, 1]
    assert len(packed.data[0].embedding) == 256
    assert packed.usage.prompt_tokens == packed.usage.total_tokens == 4


def test_the_length_of_vectors_can_be_chosen(server: ModelServer) -> None:
    """By the request, or by the model's configuration."""
    narrow = SimulatedModel(name="narrow", kind="embedding", dimensions=32)
    with ModelServer(SimulatedModels(models=(narrow,))) as other, client(other) as opened:
        assert len(opened.embeddings.create(model="narrow", input="x").data[0].embedding) == 32
    with client(server) as opened:
        asked = opened.embeddings.create(model="sim-embedding", input="x", dimensions=8)

    assert len(asked.data[0].embedding) == 8


def test_token_ids_can_be_embedded(server: ModelServer) -> None:
    """Some clients cut texts into tokens themselves."""
    with client(server) as opened:
        one = opened.embeddings.create(model="sim-embedding", input=[1, 2, 3])
        many = opened.embeddings.create(model="sim-embedding", input=[[1, 2, 3], [4]])

    assert len(one.data) == 1
    assert many.data[0].embedding == one.data[0].embedding


def test_texts_that_are_alike_are_near() -> None:
    """Shared words bring texts together, shared spellings a little."""
    refund = embed("I want a refund for my order", 256)
    similar = embed("refund my order, please: I want it", 256)
    inflected = embed("they wanted refunds for their orders", 256)
    unrelated = embed("bright mountains under blue skies", 256)

    assert cosine(refund, similar) > 0.7
    assert cosine(refund, similar) > cosine(refund, inflected) > cosine(refund, unrelated)
    assert abs(cosine(refund, unrelated)) < 0.25


@given(st.text(min_size=1), st.integers(min_value=1, max_value=300))
def test_every_text_has_one_vector_of_length_one(text: str, dimensions: int) -> None:
    """Punctuation, emoji and single letters included."""
    vector = embed(text, dimensions)

    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-5)
    assert vector == embed(text, dimensions)
