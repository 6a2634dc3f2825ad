"""Exports to a receiver: complete, repeatable, and patient with an endpoint that is not."""

import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from agentmesh.errors import JournalDamagedError, TelemetryError
from agentmesh.journal.framing import FRAME_SIZE
from agentmesh.journal.log import LogWriter
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.telemetry import conventions as names
from agentmesh.telemetry import exporting, ids
from agentmesh.telemetry.exporting import Export, Exported, Surroundings
from agentmesh.telemetry.settings import CAPTURE, read
from tests.telemetry.receiver import Receiver, Span, attributes, by_name


def exported(run: Run, receiver: Receiver, **environ: str) -> Exported:
    """Export a run from its start."""
    settings = read(environ, endpoint=receiver.endpoint)
    return Export(run.files, run.path, run.info, settings, quick(), again=True).run()


def quick(**changes: object) -> Surroundings:
    """Return surroundings in which nothing takes long."""
    around = Surroundings(wait=lambda _seconds: time.sleep(0.01), patience_seconds=0.3)
    for name, value in changes.items():
        setattr(around, name, value)
    return around


def identity(span: Span) -> tuple[bytes, bytes]:
    """Return what makes two spans one."""
    return span.trace_id, span.span_id


@pytest.fixture
def spans(news: Run, receiver: Receiver) -> list[Span]:
    """All spans of the newsroom."""
    exported(news, receiver)
    return receiver.spans


@pytest.fixture
def copy(news: Run, tmp_path: Path) -> Run:
    """The newsroom, for those who write into it."""
    shutil.copytree(news.path, tmp_path / news.id)
    return Store(tmp_path).open_run(news.id)


def test_a_run_is_one_tree_below_its_workflow(spans: list[Span]) -> None:
    """One trace, one root, and a parent for everything else."""
    by_id = {span.span_id: span for span in spans}
    roots = [span for span in spans if not span.parent_span_id]

    assert {span.trace_id for span in spans} == {ids.trace_id("news")}
    assert [root.name for root in roots] == ["invoke_workflow newsroom"]
    assert len(by_id) == len(spans)
    for span in spans:
        assert not span.parent_span_id or span.parent_span_id in by_id
    written = by_name(spans, "chat sim-small")[0]
    lineage = []
    while written.parent_span_id:
        written = by_id[written.parent_span_id]
        lineage.append(written.name)
    assert lineage == ["process Writer", "ask Writer", "invoke_workflow newsroom"]


def test_names_and_kinds_are_those_of_the_conventions(spans: list[Span]) -> None:
    """GenAI's for models, tools and agents; messaging's for what agents send."""
    assert Counter((span.name, span.kind) for span in spans) == {
        ("invoke_workflow newsroom", 1): 1,
        ("ask Writer", 4): 3,
        ("ask Press", 4): 2,
        ("tell Archive", 4): 1,
        ("process Writer", 5): 3,
        ("process Press", 5): 5,
        ("process Archive", 5): 1,
        ("execute_tool look_up", 1): 1,
        ("execute_tool print_page", 1): 1,
        ("chat sim-small", 3): 2,
    }


def test_only_names_of_the_table_are_sent(receiver: Receiver, news: Run) -> None:
    """The table of conventions is all there is: attributes, with content and without."""
    exported(news, receiver, **{CAPTURE: "SPAN_AND_EVENT"})
    table = {value for value in vars(names).values() if isinstance(value, str)}
    table |= set(names.REQUEST.values())
    seen: set[str] = set()
    for request in receiver.requests:
        for group in request.resource_spans:
            seen |= set(attributes(group.resource))
    for span in receiver.spans:
        for thing in (span, *span.events, *span.links):
            seen |= set(attributes(thing))

    assert seen <= table
    assert receiver.requests[0].resource_spans[0].schema_url == names.SCHEMA_URL


def test_a_model_call_has_its_model_tokens_and_cost(spans: list[Span]) -> None:
    """Plain and streamed alike."""
    streamed, plain = (attributes(span) for span in by_name(spans, "chat sim-small"))
    if names.FIRST_CHUNK in plain:
        streamed, plain = plain, streamed

    for call in (streamed, plain):
        assert call[names.OPERATION] == "chat"
        assert call[names.PROVIDER] == "openai"
        assert call[names.SERVER_ADDRESS] == "127.0.0.1"
        assert call[names.REQUEST_MODEL] == call[names.RESPONSE_MODEL] == "sim-small"
        assert call[names.INPUT_TOKENS] > 0
        assert call[names.OUTPUT_TOKENS] > 0
        assert call[names.COST] > 0
    assert plain[names.FINISH_REASONS] == ["stop"]
    assert plain["gen_ai.request.temperature"] == 0.5
    assert plain["gen_ai.request.seed"] == 7
    assert streamed["gen_ai.request.stream"] is True
    assert 0 < streamed[names.FIRST_CHUNK] < 60


def test_nothing_that_was_said_is_sent_unless_it_is_asked_for(
    news: Run, receiver: Receiver
) -> None:
    """Prompts, answers, arguments, payloads: only with the standard switch."""
    exported(news, receiver)
    sent = b"".join(request.SerializeToString() for request in receiver.requests)
    assert b"the mayor resigns" not in sent
    assert b"all about" not in sent

    receiver.requests.clear()
    exported(news, receiver, **{CAPTURE: "SPAN_ONLY"})

    call, streamed = sorted(
        (attributes(span) for span in by_name(receiver.spans, "chat sim-small")),
        key=lambda found: names.FIRST_CHUNK in found,
    )
    asked, answered = (
        json.loads(call[names.INPUT_MESSAGES]),
        json.loads(call[names.OUTPUT_MESSAGES]),
    )
    assert asked == [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "Write about all about the mayor"}],
        }
    ]
    assert answered[0]["parts"] == [{"type": "text", "content": "Today the mayor resigns."}]
    assert "piece by piece" in streamed[names.OUTPUT_MESSAGES]
    tool = attributes(by_name(receiver.spans, "execute_tool look_up")[0])
    assert json.loads(tool[names.TOOL_ARGUMENTS]) == {"topic": "the mayor"}
    assert json.loads(tool[names.TOOL_RESULT]) == "all about the mayor"
    turn = attributes(by_name(receiver.spans, "process Archive")[0])
    assert json.loads(turn[names.INPUT_VALUE])["text"] == "Today the mayor resigns."
    assert not any(e.name == names.DETAILS_EVENT for s in receiver.spans for e in s.events)


def test_content_may_go_into_events_instead(news: Run, receiver: Receiver) -> None:
    """EVENT_ONLY keeps it off the spans."""
    exported(news, receiver, **{CAPTURE: "EVENT_ONLY"})

    for span in by_name(receiver.spans, "chat sim-small"):
        (event,) = [each for each in span.events if each.name == names.DETAILS_EVENT]
        assert names.OUTPUT_MESSAGES in attributes(event)
        assert names.OUTPUT_MESSAGES not in attributes(span)


def test_failures_say_what_failed(spans: list[Span]) -> None:
    """A tool's error, attempts tried again, a dead letter; what was called off is no failure."""
    tool = by_name(spans, "execute_tool print_page")[0]
    press = by_name(spans, "process Press")
    dead = [span for span in press if attributes(span)[names.OUTCOME] == "dead"]
    retried = [span for span in press if attributes(span)[names.OUTCOME] == "retried"]
    (called_off,) = [
        span
        for span in spans
        if attributes(span).get(names.OUTCOME) == "cancelled" and span.name == "process Writer"
    ]

    assert tool.status.code == 2
    assert attributes(tool)[names.ERROR_TYPE] == "builtins.OSError"
    assert tool.events[0].name == "exception"
    assert [span.status.code for span in (*dead, *retried)] == [2] * 4
    assert all(attributes(span)[names.ATTEMPT_FAILED] for span in retried)
    assert called_off.status.code == 0


def test_links_lead_to_messages_and_causes(spans: list[Span]) -> None:
    """A turn links to the span that sent its message; a model call to the tool call before it."""
    by_id = {span.span_id: span for span in spans}

    def linked(name: str) -> list[tuple[str, str]]:
        return [
            (attributes(link)[names.LINK], by_id[link.span_id].name)
            for span in by_name(spans, name)
            for link in span.links
        ]

    assert ("message", "tell Archive") in linked("process Archive")
    assert ("cause", "execute_tool look_up") in linked("chat sim-small")
    assert ("cause", "ask Writer") in linked("tell Archive")


def test_odd_text_arrives_as_text(spans: list[Span]) -> None:
    """Lone surrogates and control characters in a log line: an event that every receiver takes."""
    (turn,) = [
        span
        for span in by_name(spans, "process Writer")
        if span.events and span.events[0].name == "written"
    ]
    fields = attributes(turn.events[0])[names.FIELDS]

    assert re.search(r"[\x00-\x08\x0e-\x1f]", fields) is None
    assert "half a pair" in json.loads(fields)["odd"]


def test_exporting_twice_sends_the_same_and_then_nothing(copy: Run, receiver: Receiver) -> None:
    """All ids follow from the journal; the cursor knows that all was sent."""
    settings = read({}, endpoint=receiver.endpoint)

    first = Export(copy.files, copy.path, copy.info, settings, quick()).run()
    one = {identity(span): span.SerializeToString() for span in receiver.spans}
    second = Export(copy.files, copy.path, copy.info, settings, quick()).run()
    receiver.requests.clear()
    Export(copy.files, copy.path, copy.info, settings, quick(), again=True).run()

    assert (first.complete, first.spans, second.spans) == (True, len(one), 0)
    assert second.was_complete
    assert {identity(span): span.SerializeToString() for span in receiver.spans} == one


def test_an_endpoint_that_goes_away_gets_the_rest_later(
    copy: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes two batches and is down then; the next export goes on behind them."""
    monkeypatch.setattr(exporting, "BATCH_SPANS", 4)
    settings = read({}, endpoint=receiver.endpoint)
    receiver.on_request = lambda n: receiver.tells.append((503, {}, b"")) if n > 2 else None
    troubles: list[str] = []

    with pytest.raises(TelemetryError, match="Nothing is lost"):
        Export(copy.files, copy.path, copy.info, settings, quick(on_trouble=troubles.append)).run()
    taken = len(receiver.spans)
    receiver.on_request = lambda _n: None
    receiver.tells.clear()
    done = Export(copy.files, copy.path, copy.info, settings, quick()).run()

    assert 8 <= taken < 20
    assert done.complete
    assert len({identity(span) for span in receiver.spans}) == 20
    assert len(receiver.spans) <= 20 + 2 * 4  # at least once, and seldom more
    assert "503" in troubles[0]


def test_a_short_trouble_loses_nothing(news: Run, receiver: Receiver) -> None:
    """The endpoint is busy twice, and says so; then it answers."""
    receiver.tells.extend([(429, {"Retry-After": "0"}, b""), (502, {}, b"")])
    troubles: list[str] = []
    settings = read({}, endpoint=receiver.endpoint)

    Export(
        news.files, news.path, news.info, settings, quick(on_trouble=troubles.append), again=True
    ).run()

    assert len(receiver.spans) == 20
    assert [bool(why) for why in troubles] == [True, False]


def test_a_receiver_that_wants_less_gets_less(news: Run, receiver: Receiver) -> None:
    """413 halves the batch, as often as it takes."""
    receiver.largest = 3

    done = exported(news, receiver)

    assert (done.spans, done.refused, len(receiver.spans)) == (20, 0, 20)


def test_a_wrong_address_or_key_is_told_at_once(copy: Run, receiver: Receiver) -> None:
    """And nothing counts as sent."""
    receiver.tells.append((401, {}, b"who are you?"))
    settings = read({}, endpoint=receiver.endpoint)

    with pytest.raises(TelemetryError, match=r"401.*OTEL_EXPORTER_OTLP_HEADERS"):
        Export(copy.files, copy.path, copy.info, settings, quick()).run()
    done = Export(copy.files, copy.path, copy.info, settings, quick()).run()

    assert done.spans == len(receiver.spans) == 20


def test_spans_that_a_receiver_refuses_are_counted(news: Run, receiver: Receiver) -> None:
    """400 must not be tried again, says the protocol; who exports says how many that were."""
    receiver.tells.append((400, {}, b"bad spans"))

    done = exported(news, receiver)

    assert (done.refused, receiver.spans) == (20, [])
    assert "bad spans" in done.why_refused


def test_a_damaged_run_is_exported_up_to_the_damage(
    news: Run, tmp_path: Path, receiver: Receiver
) -> None:
    """The error says which file and where; nothing behind is guessed."""
    run, log = growing(news, tmp_path)
    sizes = []
    for address in ("Archive/main", "Writer/w1", "Writer/w2"):
        for step in news.steps(address):
            log.event(address, step.number, step.event)
            log.commands(address, step.number, step.commands)
        log.write()
        sizes.append(log.size)
    log.close()
    data = bytearray(log.path.read_bytes())
    data[(sizes[0] + sizes[1]) // 2] ^= 0xFF
    log.path.write_bytes(bytes(data))

    with pytest.raises(JournalDamagedError, match=rf"local-0\.log.* at byte {sizes[0]}"):
        exported(run, receiver)

    assert {span.name for span in receiver.spans} == {
        "execute_tool print_page",
        "process Archive",
    }


def test_a_run_that_is_still_written_is_followed_to_its_end(
    news: Run, tmp_path: Path, receiver: Receiver
) -> None:
    """Its log grows between two looks; each span comes once, and what never ends comes last."""
    run, log = growing(news, tmp_path)
    steps = [(address, step) for address in news.addresses() for step in news.steps(address)]
    left, seen = iter(steps[:-2]), []

    def goes_on() -> bool:
        found = next(left, None)
        if found is None:
            return False
        address, step = found
        log.event(address, step.number, step.event)
        log.commands(address, step.number, step.commands)
        log.write()
        seen.append(len(receiver.spans))
        return True

    done = Export(
        run.files, run.path, run.info, read({}, endpoint=receiver.endpoint), quick(goes_on=goes_on)
    ).run()
    log.close()

    assert done.complete
    assert seen == sorted(seen)
    assert len({*seen}) > 3  # spans came while it was written
    outcomes = [attributes(span).get(names.OUTCOME) for span in receiver.spans]
    assert "unfinished" in outcomes[-3:]
    assert "unfinished" not in outcomes[:-3]
    assert len({identity(span) for span in receiver.spans}) == len(receiver.spans)


def test_a_run_that_goes_on_can_be_exported_so_far(
    news: Run, tmp_path: Path, receiver: Receiver
) -> None:
    """What is open is left for the next export; a torn tail is left alone."""
    run, log = growing(news, tmp_path)
    for step in list(news.steps("Writer/w1"))[:3]:
        log.event("Writer/w1", step.number, step.event)
        log.commands("Writer/w1", step.number, step.commands)
        log.write()
    with log.path.open("ab") as file:
        file.write(b"\xc1AMf" + bytes(FRAME_SIZE // 2))  # half a frame: its writer was killed

    settings = read({}, endpoint=receiver.endpoint)
    done = Export(run.files, run.path, run.info, settings, quick()).once()

    assert not done.complete
    assert [span.name for span in receiver.spans] == ["execute_tool look_up"]


def growing(news: Run, folder: Path) -> tuple[Run, LogWriter]:
    """Return a run like the newsroom, still empty, and what writes it."""
    from msgspec.structs import replace

    store = Store(folder)
    info = replace(news.info, status="running", ended_at_ns=0)
    directory = store.create_run(info)
    log = directory.log_writer("local", store.redactor())
    return store.open_run(news.id), log
