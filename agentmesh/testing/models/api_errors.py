"""Errors as the OpenAI API words them: status, message, type, param, code.

An `ApiError` is an answer on its way to the client, not something a user of
agentmesh ever catches: the HTTP layer turns every one into a response.
"""

from collections.abc import Mapping

from agentmesh.testing.models.cursor import Problem

INVALID_REQUEST = "invalid_request_error"


class ApiError(Exception):
    """A request that gets an error response.

    Args:
        status: HTTP status code, 400 or above.
        message: What is wrong, for the person who wrote the request.
        kind: The API's `type` of error.
        param: JSON path of the parameter at fault, if there is one.
        code: The API's short code, if there is one.
        headers: Extra response headers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """Return the JSON body of the response."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}


def bad_request(problem: Problem) -> ApiError:
    """Turn a problem found while reading a body into the API's 400."""
    return ApiError(400, problem.message, param=problem.where or None, code=problem.code)


def bad_value(where: str, message: str, *, code: str = "invalid_value") -> ApiError:
    """Return a 400 for a value that has the right type and cannot be used."""
    return ApiError(400, message, param=where or None, code=code)
