"""A simulated model provider: a small HTTP server that speaks the OpenAI API.

It answers from rules, with seeded or truly random sampling, takes its time if
told to, and fails in the ways that real providers fail. It says plainly that
it is a simulator. Any OpenAI client works against it unchanged:

    with ModelServer(rules=[Rule(contains="refund", answer="Of course.")]) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="any")

The map, from the outside in: `server` (start and stop) → `serving` (uvicorn)
→ `app` (HTTP) → `parsing`, `conversation` (requests, checked) → `engine`
(rules tried in order) → `rules`, `answers`, `faults`, `latency`, `config`
(what users write; `rules_file` reads it from files) → `answering`, `schemas`,
`embeddings` (what is said) → `wire`, `plans` (how it is sent). All but the
first three are pure. `sampling` is where chance comes from.

Nothing here knows the rest of agentmesh, except its errors.
"""

from agentmesh.testing.models.answers import (
    Answer,
    AnswerLike,
    Computed,
    Echo,
    Json,
    Refusal,
    Sampled,
    Script,
    Template,
    Text,
    ToolCall,
    ToolCalls,
)
from agentmesh.testing.models.chat_request import ChatRequest, EmbeddingRequest
from agentmesh.testing.models.config import SimulatedModel, SimulatedModels
from agentmesh.testing.models.faults import (
    DroppedConnection,
    ErrorResponse,
    MalformedBody,
    MalformedOutput,
    RateLimited,
    ServerError,
    Stall,
    TruncatedStream,
)
from agentmesh.testing.models.latency import Fixed, Latency, LogNormal, Uniform
from agentmesh.testing.models.request_log import LoggedRequest, RequestLog
from agentmesh.testing.models.rules import Rule
from agentmesh.testing.models.rules_file import load_rules
from agentmesh.testing.models.server import ModelServer, serve

__all__ = [
    "Answer",
    "AnswerLike",
    "ChatRequest",
    "Computed",
    "DroppedConnection",
    "Echo",
    "EmbeddingRequest",
    "ErrorResponse",
    "Fixed",
    "Json",
    "Latency",
    "LogNormal",
    "LoggedRequest",
    "MalformedBody",
    "MalformedOutput",
    "ModelServer",
    "RateLimited",
    "Refusal",
    "RequestLog",
    "Rule",
    "Sampled",
    "Script",
    "ServerError",
    "SimulatedModel",
    "SimulatedModels",
    "Stall",
    "Template",
    "Text",
    "ToolCall",
    "ToolCalls",
    "TruncatedStream",
    "Uniform",
    "load_rules",
    "serve",
]
