"""What options of `agentmesh fork` ask for, as edits."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from agentmesh.counterfactual import edit
from agentmesh.counterfactual.edit import Edit
from agentmesh.errors import UsageError


def edits_of(said: Mapping[str, Any]) -> list[Edit]:
    """Return the edits that options ask for.

    Args:
        said: By the option's name, what was said, as often as it was.

    Raises:
        UsageError: One can't be understood.
    """
    return [
        made(text)
        for name, made in _EDITS.items()
        for text in said.get(name) or said.get(f"{name}_") or ()
    ]


def _parts(text: str, option: str, what: str) -> tuple[str, str]:
    event, equals, value = text.partition("=")
    if not equals or not event:
        raise UsageError(
            f"--{option} {text!r} can't be understood.", fix=f"Write --{option} {what}."
        )
    return event, value


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--{option} got {text!r}, which is no JSON: {error}.",
            fix="Quote it for the shell: '\"a text\"', '{\"field\": 1}', 42.",
        ) from None


def _result(text: str) -> Edit:
    event, value = _parts(text, "result", "Writer/w1@118='\"a text\"'")
    return edit.result(_json(value, "result"), event)


def _fail(text: str) -> Edit:
    event, value = _parts(text, "fail", "Writer/w1@118='no network'")
    return edit.failure(value, event)


def _message(text: str) -> Edit:
    event, value = _parts(text, "edit", "Writer/w1@118='{\"field\": 1}'")
    return edit.message(_json(value, "edit"), event)


def _delay(text: str) -> Edit:
    event, value = _parts(text, "delay", "Writer/w1@118=5s")
    return edit.delay(value, event)


def _reorder(text: str) -> Edit:
    event, after = _parts(text, "reorder", "Writer/w1@118=Writer/w1@120")
    return edit.reorder(event, after)


def _insert(text: str) -> Edit:
    target, value = _parts(text, "insert", 'Shop/a.buy=\'{"name": "Ada"}\'')
    agent, _, handler = target.rpartition(".")
    return edit.insert(agent, handler, _json(value or "null", "insert"))


def _model(text: str) -> Edit:
    agent, equals, name = text.rpartition("=")
    return edit.model(name, agents=agent) if equals else edit.model(text)


def _parameter(text: str) -> Edit:
    name, value = _parts(text, "parameter", "temperature=0")
    return edit.model(**{name: _json(value, "parameter")})


def _prompt(text: str) -> Edit:
    old, new = _parts(text, "prompt", "'Be brief=Be thorough'")
    return edit.prompt(old, new)


def _state(text: str) -> Edit:
    target, value = _parts(text, "set", "Counter/a.total=50")
    agent, _, name = target.rpartition(".")
    return edit.state(agent, {name: _json(value, "set")})


def _code(text: str) -> Edit:
    agent, other = _parts(text, "code", "Writer=fixed.py")
    return edit.code(agent, other)


def _fault(text: str) -> Edit:
    event, how = _parts(text, "fault", "Writer/w1@118=429")
    return edit.fault(how, event)


_EDITS: dict[str, Callable[[str], Edit]] = {
    "result": _result,
    "fail": _fail,
    "again": edit.ask_again,
    "edit": _message,
    "drop": edit.drop,
    "duplicate": edit.duplicate,
    "delay": _delay,
    "reorder": _reorder,
    "insert": _insert,
    "fault": _fault,
    "set": _state,
    "code": _code,
    "model": _model,
    "parameter": _parameter,
    "prompt": _prompt,
}
