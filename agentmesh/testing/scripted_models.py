"""Models in a world: the simulated provider's rules answer HTTP effects, without HTTP.

    World(main, effects=ScriptedModels([Rule(contains="refund", answer="Of course.")]))

The same rules, answers and faults as of `ModelServer`, whose engine it is; always seeded. It
answers requests to `/chat/completions` and `/embeddings` of any server, and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from agentmesh.effects.http_record import STREAMED, content_type_of, response_of
from agentmesh.simulation.sources import Asked, Outcome
from agentmesh.testing.models.api_errors import ApiError
from agentmesh.testing.models.chat_request import Request
from agentmesh.testing.models.config import SimulatedModels
from agentmesh.testing.models.engine import Simulator
from agentmesh.testing.models.parsing import parse_chat, parse_embeddings
from agentmesh.testing.models.plans import Plan, plan_decision, plan_error
from agentmesh.testing.models.rules import Rule
from agentmesh.testing.models.wire import date_of_answer

_PARSERS: dict[str, Callable[[object], Request]] = {
    "/chat/completions": parse_chat,
    "/embeddings": parse_embeddings,
}


class ScriptedModels:
    """Answers what is asked of models.

    Args:
        models: Rules, tried in order, or a whole configuration.
        seconds: How long each answer takes, at least and at most.
    """

    def __init__(
        self,
        models: SimulatedModels | Sequence[Rule] = (),
        seconds: tuple[float, float] | None = None,
    ) -> None:
        config = (
            models if isinstance(models, SimulatedModels) else SimulatedModels(rules=tuple(models))
        )
        if config.seed is None:
            config = replace(config, seed=0)
        self._simulator = Simulator(config)
        self._seconds = seconds

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Return what was said when it was made."""
        return self._seconds if _path_of(asked) else None

    def answer(self, asked: Asked) -> Outcome | None:
        """Let the rules answer."""
        path = _path_of(asked)
        if not path:
            return None
        try:
            request = _PARSERS[path](asked.request.get("json"))
            decision = self._simulator.decide(request, self._simulator.admit(request))
            plan = plan_decision(request, decision, date_of_answer(seeded=True))
        except ApiError as error:
            plan = plan_error(error)
        return _outcome(plan)


def _path_of(asked: Asked) -> str:
    if asked.command.kind != "http":
        return ""
    return next((path for path in _PARSERS if asked.name.endswith(path)), "")


def _outcome(plan: Plan) -> Outcome:
    """Return a planned response as the recorded transport knows it."""
    headers = [("content-type", plan.content_type), *plan.headers.items()]
    kind = content_type_of(plan.content_type)
    broken = b"" if plan.ending == "complete" else _BROKEN
    if kind not in STREAMED:
        body = b"".join(write.data for write in plan.writes)
        return Outcome(result=response_of(plan.status, headers, body, kind), error=broken)
    sent = tuple(write.data for write in plan.writes if write.data)
    end = b'{"streamed_bytes":%d}' % sum(map(len, sent))
    head = response_of(plan.status, headers, b"", "")
    return Outcome(result=end, error=broken, pieces=(head, *sent))


_BROKEN = msgspec.json.encode(
    {
        "type": "httpx2.RemoteProtocolError",
        "what": "peer closed connection without sending a complete message body",
        "fields": {},
    }
)
