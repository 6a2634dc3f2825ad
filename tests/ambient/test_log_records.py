"""Log records made in a handler: they carry logical time, and making them does not move it."""

import io
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from agentmesh.kernel.cell import Cell
from tests.ambient.helpers import (
    START_NS,
    START_YEAR,
    PeekableLoop,
    ProbeLoop,
    call_inside,
)
from tests.kernel.helpers import CELLS, MS, START, ask, cell_of, result

LINES = 1_000


class Keeping(logging.Handler):
    """Keeps the records it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def plain_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records as `logging` makes them.

    Whoever imports Ray replaces the factory by one that reads the clock for each record,
    and an earlier test in this process may have done so.
    """
    monkeypatch.setattr(logging, "_logRecordFactory", logging.LogRecord)


@pytest.fixture
def kept() -> Keeping:
    """What the logger was told."""
    return Keeping()


@pytest.fixture
def logger(kept: Keeping) -> logging.Logger:
    """A logger that other tests do not find."""
    logger = logging.Logger("quiet")  # noqa: LOG001
    logger.addHandler(kept)
    return logger


@pytest.fixture
def closed_cells() -> Iterator[None]:
    """Cells are let go of."""
    yield
    while CELLS:
        CELLS.pop().close()


def test_log_records_carry_logical_time_and_do_not_move_it(logger: logging.Logger) -> None:
    """A replay at another log level must read the same times as the run did."""
    loop = PeekableLoop()  # type: ignore[abstract]
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y"))
    logger.addHandler(handler)

    def talk() -> None:
        for number in range(3):
            logger.warning("line %d", number)

    call_inside(talk, loop)
    assert loop.now_ns == START_NS
    assert text.getvalue().splitlines()[0] == f"{START_YEAR} line 0"
    logger.warning("outside")
    assert int(text.getvalue().splitlines()[-1][:4]) > 2020


def test_a_logger_on_a_loop_that_cannot_be_peeked_at_reads_its_clock(
    loop: ProbeLoop, logger: logging.Logger, kept: Keeping
) -> None:
    """A loop of somebody else's, with no more than what is asked of every loop."""
    call_inside(lambda: logger.warning("x"), loop)
    assert datetime.fromtimestamp(kept.records[0].created, UTC).year == START_YEAR


@pytest.mark.usefixtures("closed_cells")
def test_a_record_factory_that_reads_the_clock_does_no_harm_in_a_handler(
    logger: logging.Logger, kept: Keeping
) -> None:
    """As Ray's does in hosts, and nobody's in a replay: the handler reads the same time."""
    _stamp_records_as_ray_does()

    async def handler(_cell: Cell) -> object:
        early = time.time_ns()
        for number in range(LINES):
            logger.warning("line %d", number)
        return [early - START, time.time_ns() - START]

    issued = cell_of(handler).handle(ask(1, at=5 * MS))
    assert result(issued) == [5 * MS, 5 * MS]
    stamps = {record.__dict__["stamp_ns"] for record in kept.records}
    assert (stamps, len(kept.records)) == ({START + 5 * MS}, LINES)


def _stamp_records_as_ray_does() -> None:
    plain = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = plain(*args, **kwargs)
        record.__dict__["stamp_ns"] = time.time_ns()
        return record

    logging.setLogRecordFactory(factory)  # taken back with the plain one
