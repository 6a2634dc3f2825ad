"""A span as plain data: what `spans` makes, `otlp` writes, and files for trace viewers draw."""

from dataclasses import dataclass, field
from typing import Any

Attributes = dict[str, Any]

INTERNAL, SERVER, CLIENT_KIND, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""Kinds of spans, as OTLP numbers them."""


@dataclass(slots=True)
class Event:
    """Something that happened in a span."""

    at_ns: int
    name: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class Link:
    """What a span also follows from."""

    trace_id: bytes
    span_id: bytes
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class Span:
    """One span, ready to be written."""

    name: str
    kind: int
    trace_id: bytes
    span_id: bytes
    parent: bytes
    """Empty for none."""
    begin_ns: int
    end_ns: int
    attributes: Attributes
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    failed: bool = False
    problem: str = ""
    """Why, for people."""
    dropped_events: int = 0
