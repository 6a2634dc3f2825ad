"""What the process does that runs a run's program: replay agents, ask their states, branch.

It knows one run. Whatever goes wrong is its answer. Answers go to a stream of their own, so that
the program may print what it likes, and it ends with whoever asks: also in the middle of a handler.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from agentmesh.counterfactual import edit
from agentmesh.counterfactual.edit import Edit
from agentmesh.errors import AgentMeshError, UsageError
from agentmesh.journal.store import Store
from agentmesh.mesh.forking import fork
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.replay.watching import Matches
from agentmesh.viewer.answers import Refusal, dumped, said_of

ANSWER_BYTES_MAX = 32 * 1024 * 1024
_SPANS_MAX = 2_000

Question = dict[str, Any]


def main() -> None:
    """Answer until nothing more is asked."""
    answers = os.fdopen(os.dup(1), "wb")
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdout = sys.stderr
    store, path = sys.argv[1:3]
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions, waiting.put), daemon=True).start()
    worker = Worker(store, path)
    while True:
        answers.write(worker.answer(json.loads(waiting.get())) + b"\n")
        answers.flush()


def _listen(questions: Any, put: Callable[[bytes], None]) -> None:
    """Take questions; when nobody is left to ask, end at once, whatever the program does."""
    for line in questions:
        put(line)
    os._exit(0)


class Worker:
    """Answers questions about one run.

    Args:
        store: Where runs are kept.
        path: What it is opened by.
    """

    def __init__(self, store: str, path: str) -> None:
        self._store = store
        self._path = path
        self._run: RecordedRun | None = None
        self._version: Any = None

    def answer(self, question: Question) -> bytes:
        """Return the answer to a question: a line of JSON."""
        does: dict[str, Callable[[RecordedRun, Question], Any]] = {
            "views": self._views,
            "when": self._when,
            "fork": self._fork,
        }
        try:
            run = self._opened(question.get("version"))
            self._load(run)
            said = dumped({"answer": does[question["do"]](run, question)})
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the answer
            return dumped({"error": _said(error)})
        if len(said) > ANSWER_BYTES_MAX:
            return dumped({"error": _too_large(len(said))})
        return said

    def _opened(self, version: Any) -> RecordedRun:
        """Return the run as it is on record now."""
        if self._run is None:
            opened = Store(self._store)
            self._run = RecordedRun(*opened.locate(self._path), opened)
        elif version != self._version:
            self._run.close()
        self._version = version
        return self._run

    def _load(self, run: RecordedRun) -> None:
        try:
            run.timelines()
        except AgentMeshError as error:
            raise _program_error(error.what, error.cause, error.fix) from error
        except (Exception, SystemExit) as error:
            what = f"The program can't be imported: {type(error).__name__}: {error}"
            raise _program_error(
                what, "It has changed, or needs what is not here.", "Start the viewer beside it."
            ) from error

    def _views(self, run: RecordedRun, question: Question) -> Any:
        """Return agents just after some of their steps, and what these changed."""
        found = []
        for address, step in question["agents"]:
            try:
                moment = run.at((address, step), anyway=bool(question.get("anyway")))
                said: dict[str, Any] = {"view": moment.agent().as_json()}
                if question.get("changes"):
                    said["changes"] = [each.as_json() for each in moment.changes()]
                if question.get("before"):
                    said["before"] = moment.before().as_json()
            except AgentMeshError as error:
                said = {"error": said_of(error)}
            found.append({"address": address, "step": step, **said})
        return found

    def _when(self, run: RecordedRun, question: Question) -> Any:
        expression, agent = question["expr"], question.get("agent")
        found = run.when(agent, expression) if agent else run.when(expression)
        return _matches_json(found)

    def _fork(self, run: RecordedRun, question: Question) -> Any:
        report = fork(
            run,
            at=question.get("at"),
            edit=[edit_of(each) for each in question.get("edits", [])],
            policy=question.get("policy"),
            irreversible=bool(question.get("irreversible")),
        )
        return report.as_json()


def _matches_json(found: Matches) -> dict[str, Any]:
    def ref(event: Any) -> str | None:
        return None if event is None else str(event)

    failure = found.failure
    return {
        "question": found.question,
        "count": found.holds,
        "events": found.events,
        "asked": found.asked,
        "failures": found.failures,
        "failure": None
        if failure is None
        else {"at": str(failure.at), "error": failure.error, "values": failure.values},
        "first": ref(found.first),
        "last": ref(found.last),
        "spans": [
            {
                "first": str(span.first),
                "last": str(span.last),
                "events": span.events,
                "values": span.values,
            }
            for span in sorted(found.spans, key=lambda each: each.first.at)[:_SPANS_MAX]
        ],
        "left_out": found.left_out + max(0, len(found.spans) - _SPANS_MAX),
        "diverged": [{"agent": each.agent, "text": str(each)} for each in found.divergences],
    }


def edit_of(said: Any) -> Edit:
    """Return an edit as the page has written it down.

    Raises:
        UsageError: It can't be understood.
    """
    kind = said.get("kind") if isinstance(said, dict) else None
    makes = _EDITS.get(str(kind))
    if makes is None:
        raise UsageError(f"There is no edit {kind!r}.", fix=f"Use one of: {', '.join(_EDITS)}.")
    try:
        return makes(said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"The edit {kind!r} can't be understood: {type(error).__name__}: {error}.",
            fix="See what it needs where it is made.",
        ) from error


def _model(said: Question) -> Edit:
    parameters = dict(said.get("parameters") or {})
    return edit.model(said.get("name") or "", agents=said.get("agents") or (), **parameters)


_EDITS: dict[str, Callable[[Question], Edit]] = {
    "result": lambda said: edit.result(said["value"], said.get("event")),
    "failure": lambda said: edit.failure(str(said["text"]), said.get("event")),
    "ask_again": lambda said: edit.ask_again(said.get("event")),
    "message": lambda said: edit.message(
        said["value"], said.get("event"), whole=bool(said.get("whole"))
    ),
    "drop": lambda said: edit.drop(said.get("event")),
    "duplicate": lambda said: edit.duplicate(said.get("event")),
    "delay": lambda said: edit.delay(said["seconds"], said.get("event")),
    "reorder": lambda said: edit.reorder(said["event"], said["after"]),
    "insert": lambda said: edit.insert(said["to"], said["handler"], said.get("value")),
    "model": _model,
    "prompt": lambda said: edit.prompt(
        str(said["old"]), str(said["new"]), agents=said.get("agents") or ()
    ),
}


def _said(error: BaseException) -> dict[str, Any]:
    if isinstance(error, Refusal | AgentMeshError):
        return said_of(error)
    what = f"The program failed: {type(error).__name__}: {error}"
    return _program_error(what, "", "").said


def _program_error(what: str, cause: str, fix: str) -> Refusal:
    from http import HTTPStatus

    return Refusal(HTTPStatus.CONFLICT, "ProgramError", what, cause=cause, fix=fix)


def _too_large(size: int) -> dict[str, Any]:
    return {
        "type": "TooLargeError",
        "what": f"The answer has {size:,} bytes, which is more than a page can show.",
        "cause": "The state of some agent is very large.",
        "fix": "Ask about one agent, or use `agentmesh state`.",
        "status": 413,
    }
