"""Payloads on a line: as much as there is room for, and nothing that would move a cursor."""

from agentmesh.cli.event_lines import PAYLOAD_MAX, brief


def test_a_models_response_reads_as_its_answer() -> None:
    """Headers, ids and usage are for who asks for JSON."""
    message = {"role": "assistant", "content": "Dear Ben,\nyour lamp"}
    response = {"status": 200, "headers": [], "json": {"choices": [{"message": message}]}}

    assert brief(response) == "Dear Ben,\\nyour lamp"


def test_a_tool_call_is_an_answer_too() -> None:
    """A response without text says what the model wants to be done."""
    calls = [{"function": {"name": "look_up", "arguments": "{}"}}]
    response = {"status": 200, "json": {"choices": [{"message": {"tool_calls": calls}}]}}

    assert brief(response).startswith('[{"function": {"name": "look_up"')


def test_other_payloads_are_json_in_one_line() -> None:
    """Cut where there is no more room; nothing where there is nearly none."""
    assert brief({"text": "hello"}) == '{"text": "hello"}'
    assert brief("hello") == '"hello"'
    assert brief(None) == ""
    assert brief({"status": 500, "json": {"choices": ["odd"]}}).startswith('{"status": 500')
    assert brief("x" * 1000).endswith("...")
    assert len(brief("x" * 1000)) == PAYLOAD_MAX
    assert brief("hello there", 3) == ""


def test_an_error_is_left_to_the_words_beside_it() -> None:
    """They have its type and text already."""
    assert brief({"type": "builtins.ValueError", "what": "no"}) == ""


def test_hostile_text_is_shown_as_what_it_is() -> None:
    """Escape sequences become visible."""
    assert "\x1b" not in brief({"evil\x1b[2K": "\x1b[31mred"})
