"""What the simulator says about itself, and about what it does not do."""

from agentmesh.testing.models.config import SimulatedModels

_TEXT = """\
agentmesh model simulator
=========================

This is not a language model. It is a small server that speaks the OpenAI API
and answers from rules, for tests, demonstrations and work without a network.
Nothing it says is true, useful or paid for.

Models:     {models}
Rules:      {rules}
Sampling:   {sampling}

Endpoints:  POST {base}/chat/completions   (stream, tools, response_format)
            POST {base}/embeddings         (float, base64, dimensions)
            GET  {base}/models
            GET  {base}/models/NAME

Use it:     export OPENAI_BASE_URL={base}
            export OPENAI_API_KEY={key}

Every response carries the header x-agentmesh-simulator: 1.
"""

_INSTEAD = {
    "/v1/responses": (
        "Use the chat completions API: client.chat.completions.create(...), or in the OpenAI "
        "Agents SDK set_default_openai_api('chat_completions')."
    ),
    "/v1/completions": "Use POST /v1/chat/completions.",
    "/chat/completions": "The base URL ends in /v1.",
    "/embeddings": "The base URL ends in /v1.",
    "/models": "The base URL ends in /v1.",
}


def explanation(config: SimulatedModels, base_url: str) -> str:
    """Return the page at `GET /`: what this is, and how to use it."""
    sampling = "random, except at temperature 0" if config.seed is None else f"seed {config.seed}"
    return _TEXT.format(
        models=", ".join(model.name for model in config.models),
        rules=", ".join(rule.label for rule in config.rules) or "none: requests are echoed",
        sampling=sampling,
        base=base_url,
        key="anything" if config.api_key is None else "(the key it was started with)",
    )


def missing_endpoint(method: str, path: str) -> str:
    """Return the message for a path the simulator does not have."""
    hint = _INSTEAD.get(path.rstrip("/"), "GET / lists what there is.")
    return f"The simulator has no {method} {path}. {hint}"
