"""Which messages a handler takes: what its type hints name, and nothing else."""

from agentmesh.errors import DefinitionError
from agentmesh.sdk.agent import HandlerSpec
from agentmesh.sdk.message import Message


def accepted(spec: HandlerSpec) -> str:
    """Say which messages a handler takes."""
    names = [cls.__name__ for cls in spec.signature.accepts]
    return " | ".join(names) or "no message"


def check_message(spec: HandlerSpec, message: Message | None) -> None:
    """Refuse a message that the handler does not take.

    Raises:
        DefinitionError: Of a type the handler's hints do not name.
    """
    if message is None and not spec.signature.accepts:
        return
    if type(message) in spec.signature.accepts:
        return
    raise DefinitionError(
        f"{spec.shown} takes {accepted(spec)}, not {type(message).__name__}.",
        cause="The handler's type hints decide what it accepts; subclasses do not count.",
        fix=f"Send {accepted(spec)}, or widen the hint.",
    )
