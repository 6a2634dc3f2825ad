"""All names that telemetry uses, in one table with a version.

GenAI names are those of the semantic conventions 1.41, the last that the core repository has and
those that readers (Phoenix, Langfuse, Jaeger) know; messaging names are of the same version. What
neither has a name for is `agentmesh.*`. Only names that are here may be sent: a test compares.

A change of any name is a change of `VERSION`.
"""

from typing import Final

VERSION: Final = 1
"""Of this table; each resource carries it."""
SEMCONV_VERSION: Final = "1.41.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{SEMCONV_VERSION}"
SCOPE: Final = "agentmesh"
"""Name of the instrumentation scope."""

# --- resource -----------------------------------------------------------------------------------

SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE: Final = "service.instance.id"
SDK_LANGUAGE: Final = "telemetry.sdk.language"
SDK_NAME: Final = "telemetry.sdk.name"
SDK_VERSION: Final = "telemetry.sdk.version"
TABLE_VERSION: Final = "agentmesh.conventions.version"
RUN: Final = "agentmesh.run.id"
WORKFLOW: Final = "agentmesh.workflow"

# --- GenAI --------------------------------------------------------------------------------------

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
OUTPUT_TYPE: Final = "gen_ai.output.type"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST: Final = {
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "stream": "gen_ai.request.stream",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "stop": "gen_ai.request.stop_sequences",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "dimensions": "gen_ai.embeddings.dimension.count",
}
"""By the parameter's name in a request's JSON."""
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITTEN_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - a name
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
"""Name of the event that has what was said, when it is captured as an event."""

CHAT: Final = "chat"
TEXT_COMPLETION: Final = "text_completion"
EMBEDDINGS: Final = "embeddings"
GENERATE_CONTENT: Final = "generate_content"
EXECUTE_TOOL: Final = "execute_tool"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"

# --- messaging ----------------------------------------------------------------------------------

MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_TYPE: Final = "messaging.operation.type"
DESTINATION: Final = "messaging.destination.name"
DESTINATION_TEMPLATE: Final = "messaging.destination.template"
MESSAGE_ID: Final = "messaging.message.id"
CONVERSATION: Final = "messaging.message.conversation_id"
SYSTEM: Final = "agentmesh"
PROCESS: Final = "process"
SEND: Final = "send"

# --- HTTP, errors, servers ----------------------------------------------------------------------

ERROR_TYPE: Final = "error.type"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
URL: Final = "url.full"

# --- OpenInference: what Phoenix does not take from the above -----------------------------------

SPAN_KIND: Final = "openinference.span.kind"
INPUT_VALUE: Final = "input.value"
INPUT_TYPE: Final = "input.mime_type"
OUTPUT_VALUE: Final = "output.value"
OUTPUT_VALUE_TYPE: Final = "output.mime_type"
JSON_TYPE: Final = "application/json"

# --- agentmesh's own ----------------------------------------------------------------------------

AGENT: Final = "agentmesh.agent"
EVENT: Final = "agentmesh.event"
"""Where it began: `Type/key@step`, as `agentmesh debug` takes it."""
TURN: Final = "agentmesh.turn"
HANDLER: Final = "agentmesh.handler"
TYPE: Final = "agentmesh.message.type"
OUTCOME: Final = "agentmesh.outcome"
WAIT_SECONDS: Final = "agentmesh.wait_seconds"
"""How long a message was in the mailbox."""
ATTEMPT_FAILED: Final = "agentmesh.attempt_failed"
EFFECT_KIND: Final = "agentmesh.effect.kind"
EFFECT_KEY: Final = "agentmesh.effect.key"
COST: Final = "agentmesh.cost.usd"
LEVEL: Final = "agentmesh.log.level"
FIELDS: Final = "agentmesh.log.fields"
LINK: Final = "agentmesh.link"
"""Why a span links to another: `message`, `cause`, `branch_of`."""
CUT: Final = "agentmesh.truncated"
"""Names of attributes that were too long, and were cut."""

# --- metrics ------------------------------------------------------------------------------------

OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105 - a name
M_TURNS: Final = "agentmesh.turns"
M_TURN_DURATION: Final = "agentmesh.turn.duration"
M_TURN_WAIT: Final = "agentmesh.turn.wait"
M_MESSAGES: Final = "agentmesh.messages"
M_QUEUED: Final = "agentmesh.messages.queued"
M_DEAD: Final = "agentmesh.messages.dead"
M_RETRIES: Final = "agentmesh.turn.retries"
M_EFFECTS: Final = "agentmesh.effects"
M_EFFECT_DURATION: Final = "agentmesh.effect.duration"
M_COST: Final = "agentmesh.cost.usd"
M_UNPRICED: Final = "agentmesh.cost.unpriced_calls"
M_RECOVERIES: Final = "agentmesh.recoveries"
M_LAG: Final = "agentmesh.journal.lag"
M_AGENTS: Final = "agentmesh.agents"
M_SPANS: Final = "agentmesh.telemetry.spans"

L_AGENT: Final = "agent_type"
L_KIND: Final = "kind"
L_NAME: Final = "name"
L_OUTCOME: Final = "outcome"
L_MODEL: Final = "model"
L_WORKFLOW: Final = "workflow"
