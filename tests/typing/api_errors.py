"""What a type checker must know of the errors; checked, never run.

`assert_type` says what must be inferred. A line with an ignore must be an error:
the checker reports an ignore that is not needed.
"""

from typing import assert_type

from agentmesh.errors import AgentMeshError, RemoteError


def remote_errors_tell_where_they_come_from(error: RemoteError) -> None:
    """Their own properties are plain text."""
    assert_type(error.type_name, str)
    assert_type(error.remote_traceback, str)
    assert_type(error.fields, dict[str, object])


def errors_take_their_data_by_keyword() -> None:
    """A second positional argument would be lost on the way to another host."""
    assert_type(AgentMeshError("what", cause="cause", fix="fix", at=7).what, str)
    AgentMeshError("what", "cause")  # type: ignore[call-arg]
