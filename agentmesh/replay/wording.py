"""Events and commands in a few words each, for reports."""

from collections.abc import Mapping

from agentmesh.journal.records import Step
from agentmesh.kernel.envelope import KIND_NAMES
from agentmesh.replay.text_diff import as_text

WIDTH_MAX = 160
_ANSWERS = ("reply", "fail", "chunk")


def in_words(step: Step) -> str:
    """Say what a step's event was."""
    event = step.event
    kind = str(event.__struct_config__.tag)
    envelope = getattr(event, "envelope", None)
    if envelope is not None:
        name = envelope.handler or envelope.type
        return f"{kind} {envelope.id}{f' ({name})' if name else ''}"
    turn = getattr(event, "turn", None)
    return f"{kind} {turn}.{getattr(event, 'n', '')}" if turn is not None else kind


def command_in_words(command: Mapping[str, object]) -> str:
    """Say in a line what a command, as plain values, asks for."""
    if not command:
        return "(nothing)"
    kind = str(command["command"])
    said = _SAID[kind](command) if kind in _SAID else _fields(command)
    return said if len(said) <= WIDTH_MAX else f"{said[:WIDTH_MAX]}… ({len(said):,} characters)"


def _sent(command: Mapping[str, object]) -> str:
    number = command.get("kind")
    kind = KIND_NAMES[number] if isinstance(number, int) else str(number)
    what = f" {as_text(command['payload'])}" if "payload" in command else ""
    if kind in _ANSWERS:
        return f"{kind} to {command['dst']}:{what}"
    handler = f".{command['handler']}" if command.get("handler") else ""
    if kind == "cancel":
        return f"cancel to {command['dst']}, of message {command.get('re')}"
    return f"{kind} {command['dst']}{handler}{what}"


def _effect(command: Mapping[str, object]) -> str:
    request = command["request"]
    if isinstance(request, dict) and "json" in request:
        request = request["json"]  # of a call of a model: what is asked, and not how it gets there
    return f"effect {command['kind']} {command['name']} {as_text(request)}"


def _log(command: Mapping[str, object]) -> str:
    return f"log {command['level']} {as_text(command['event'])} {as_text(command['fields'])}"


def _finish(command: Mapping[str, object]) -> str:
    error = command.get("error")
    why = ""
    if isinstance(error, dict):
        why = f": {error.get('type', '')}: {error.get('message', error.get('what', ''))}"
    return f"turn {command['turn']} ends: {command['outcome']}{why}"


def _fields(command: Mapping[str, object]) -> str:
    rest = ", ".join(f"{k} {as_text(v)}" for k, v in command.items() if k != "command")
    return f"{str(command['command']).replace('_', ' ')} ({rest})"


_SAID = {"sent": _sent, "start_effect": _effect, "log": _log, "finish_turn": _finish}
