"""Rules files: what can be written, and what a mistake in one says."""

import inspect
import json
from pathlib import Path

import pytest

from agentmesh.errors import UsageError
from agentmesh.testing.models import (
    Echo,
    ErrorResponse,
    Fixed,
    Json,
    Latency,
    LogNormal,
    MalformedBody,
    RateLimited,
    Refusal,
    Rule,
    Sampled,
    Script,
    SimulatedModels,
    Stall,
    Template,
    Text,
    ToolCall,
    ToolCalls,
    TruncatedStream,
    Uniform,
    load_rules,
    rules_file,
)


def written(tmp_path: Path, content: object, name: str = "rules.json") -> Path:
    """Write a rules file and return its path."""
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    """The example in the documentation is a whole file."""
    documentation = inspect.getdoc(rules_file) or ""
    example = documentation.split("```toml\n")[1].split("```")[0]
    config = load_rules(written(tmp_path, example, "rules.toml"))

    assert config.seed == 7
    assert config.api_key == "secret"
    assert config.latency == Latency(
        first_token=LogNormal(median_seconds=0.4, sigma=0.5),
        per_token=Uniform(low_seconds=0.01, high_seconds=0.03),
    )
    assert [model.name for model in config.models] == ["sim-small", "sim-embedding"]
    assert config.rules[0] == Rule(
        name="triage",
        model="sim-*",
        contains="refund",
        within="last_user",
        tool="look_up",
        answer=ToolCalls(ToolCall("look_up", {"order": 12})),
    )
    assert config.rules[1].verdict == Sampled(
        (9, "Your refund is on its way."), (1, Template("No refund: $last_result"))
    )
    assert config.rules[2] == Rule(
        answer=RateLimited(retry_after_seconds=0.5),
        occurrence=1,
        probability=0.05,
        endpoint="any",
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("plain", Text("plain")),
        ({"text": "plain"}, Text("plain")),
        ({"json": None}, Json(None)),
        ({"json": {"a": [1]}}, Json({"a": [1]})),
        ({"tool_calls": ["a", {"name": "b"}]}, ToolCalls("a", "b")),
        ({"tool_calls": [{"name": "b", "arguments": "{"}]}, ToolCalls(ToolCall("b", "{"))),
        ({"script": ["a", {"refusal": "b"}]}, Script("a", Refusal("b"))),
        ({"echo": True}, Echo()),
        ({"stall": True}, Stall()),
        ({"stall": {"limit_seconds": 3}}, Stall(limit_seconds=3)),
        ({"truncated_stream": {"ending": "clean"}}, TruncatedStream(ending="clean")),
        ({"malformed_body": {}}, MalformedBody()),
        (
            {"error_response": {"status": 402, "message": "Pay.", "retry_after_seconds": 2}},
            ErrorResponse(status=402, message="Pay.", retry_after_seconds=2),
        ),
    ],
)
def test_every_kind_of_answer_can_be_written(
    tmp_path: Path, answer: object, expected: object
) -> None:
    """Except functions, which are for Python."""
    config = load_rules(written(tmp_path, {"rules": [{"answer": answer}]}))

    assert config.rules[0].verdict == expected


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """Every key is optional."""
    assert load_rules(written(tmp_path, {})) == SimulatedModels()
    assert load_rules(written(tmp_path, {"latency": {"first_token": 1}})).latency == Latency(
        first_token=Fixed(seconds=1)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected an object, but got an array"),
        ({"rule": []}, "Unknown key 'rule'. .*Did you mean 'rules'?"),
        ({"seed": "7"}, "Invalid type for 'seed': expected an integer, but got a string"),
        ({"rules": {}}, "'rules': expected an array"),
        ({"rules": ["x"]}, r"'rules\[0\]': expected an object"),
        ({"rules": [{}]}, r"'rules\[0\]': .*neither an answer nor a latency"),
        ({"rules": [{"answer": 3}]}, r"'rules\[0\].answer': expected an object"),
        ({"rules": [{"anwser": "x"}]}, r"'rules\[0\].anwser'.*Did you mean 'answer'"),
        ({"rules": [{"answer": "x", "where": "y"}]}, r"Unknown key 'rules\[0\].where'"),
        ({"rules": [{"answer": "x", "nth": 0}]}, r"'rules\[0\].nth': expected a value >= 1"),
        ({"rules": [{"answer": "x", "pattern": "("}]}, r"'rules\[0\]'.*no regular expression"),
        ({"rules": [{"answer": "x", "within": "all"}]}, "Supported values are: 'last_user'"),
        ({"rules": [{"answer": {}}]}, "exactly one of .* this has none"),
        ({"rules": [{"answer": {"text": "a", "json": 1}}]}, "this has text, json"),
        ({"rules": [{"answer": {"txt": "a"}}]}, "Did you mean 'text'"),
        ({"rules": [{"answer": {"tool_calls": []}}]}, "no call in it"),
        (
            {"rules": [{"answer": {"tool_calls": [{}]}}]},
            r"'rules\[0\].answer.tool_calls\[0\].name'",
        ),
        (
            {"rules": [{"answer": {"choices": [{"weight": -1, "answer": "x"}]}}]},
            r"choices\[0\].weight': expected a value >= 0",
        ),
        (
            {"rules": [{"answer": {"rate_limited": {"after": 1}}}]},
            r"Unknown key 'rules\[0\].answer.rate_limited.after'",
        ),
        (
            {"rules": [{"answer": {"server_error": {"status": 200}}}]},
            "has status 200",
        ),
        ({"latency": {"first_token": -1}}, "'latency.first_token': Fixed.seconds is -1"),
        ({"latency": {"first_token": {"gauss": {}}}}, "Unknown key 'latency.first_token.gauss'"),
        ({"latency": {"first_token": {"uniform": {}}}}, "missing .* 'low_seconds'"),
        ({"latency": {"first_token": {}}}, "exactly one of fixed, uniform, lognormal"),
        ({"models": [{}]}, r"'models\[0\].name'"),
        ({"models": [{"name": "a"}, {"name": "a"}]}, "Two models are named 'a'"),
        ("{", "is not valid JSON: .*line 1 column 2"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, content: object, message: str) -> None:
    """Every message starts with the file."""
    path = written(tmp_path, content)
    with pytest.raises(UsageError, match=message) as caught:
        load_rules(path)

    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, of another format, or not text."""
    with pytest.raises(UsageError, match="can't be read"):
        load_rules(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match=r"neither \.json nor \.toml"):
        load_rules(written(tmp_path, "", "rules.yaml"))
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_rules(written(tmp_path, "seed = ", "rules.toml"))
    binary = tmp_path / "rules.json"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not valid JSON"):
        load_rules(binary)
