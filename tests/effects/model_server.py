"""What the model server of the tests answers, and how it is asked."""

from agentmesh.testing.models import (
    DroppedConnection,
    Fixed,
    Latency,
    MalformedBody,
    RateLimited,
    Rule,
    ServerError,
    Stall,
    ToolCall,
    ToolCalls,
    TruncatedStream,
)

KEY = "sk-proj-1234567890abcdefghij"


RULES = [
    Rule(contains="limit me", answer=RateLimited(retry_after_seconds=0.01), occurrence=1),
    Rule(contains="break", answer=ServerError()),
    Rule(contains="stall", answer=Stall()),
    Rule(contains="drop", answer=DroppedConnection()),
    Rule(contains="garble", answer=MalformedBody()),
    Rule(contains="truncate", answer=TruncatedStream(after_tokens=2)),
    Rule(contains="slowly", latency=Latency(per_token=Fixed(seconds=2.0))),
    Rule(contains="weather", answer=ToolCalls(ToolCall("weather", {"city": "Oslo"}))),
    Rule(contains="count", answer="one two three four"),
    Rule(contains="point", answer={"x": 1, "y": 2}),
]


def chat(text, **options):
    messages = [{"role": "user", "content": text}]
    return {"model": "sim-small", "messages": messages, **options}
