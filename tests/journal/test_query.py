"""SQL over a run: everyday questions, answered; and what a query may not do."""

from datetime import date
from pathlib import Path

import pytest

from agentmesh.errors import UsageError
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn, Log
from agentmesh.kernel.events import EffectStreamed
from tests.journal.helpers import PLAIN, delivered


@pytest.fixture(params=[False, True], ids=["logs", "sealed"])
def run(request: pytest.FixtureRequest, tmp_path: Path):
    """Yield a run with some messages, once as logs and once sealed."""
    directory = Store(tmp_path).create_run(RunInfo(id="r1"))
    log = directory.log_writer("one", PLAIN)
    for step in range(5):
        log.event("B/1", step, delivered(1_700_000_000_000_000_000 + step, f"n{step}", n=step + 1))
        outcome = "failed" if step == 3 else "done"
        log.commands("B/1", step, [FinishTurn(step, f"A/1#{step + 1}", outcome)])
    log.event("B/1", 5, EffectStreamed(1_700_000_000_000_000_009, 1, 1, b'data: {"text'))
    log.commands("B/1", 5, [Log(1, "info", "lone \ud800", b'{"text":"a\\ud800b"}')])
    log.close()
    with Run(directory.files, directory.path, directory.info) as opened:
        if request.param:
            opened.seal()
        yield opened


def test_a_field_of_payloads_is_asked_for(run: Run) -> None:
    """Some payloads are no JSON, and one has a lone surrogate: the query works all the same."""
    found = run.sql("SELECT payload->>'$.text' AS text FROM events ORDER BY step, \"index\"")

    texts = [text for text in found["text"].to_pylist() if text is not None]
    assert texts == ["n0", "n1", "n2", "n3", "n4", "a\ufffdb"]


def test_messages_are_joined_with_their_outcome(run: Run) -> None:
    """Which questions failed?"""
    found = run.sql(
        "SELECT d.payload->>'$.text' AS text FROM events d JOIN events f USING (message) "
        "WHERE d.kind = 'delivered' AND f.outcome = 'failed'"
    )

    assert found.to_pylist() == [{"text": "n3"}]


def test_times_are_times(run: Run) -> None:
    """Nanoseconds are kept."""
    found = run.sql("SELECT max(time_ns) - min(time_ns) AS ns, min(time)::DATE AS day FROM events")

    assert found.to_pylist() == [{"ns": 9, "day": date(2023, 11, 14)}]


def test_the_whole_table_is_the_tables(run: Run) -> None:
    """SELECT * shows the documented columns and no others."""
    found = run.sql("SELECT * FROM events")

    assert found.column_names == run.table().column_names
    assert found.num_rows == run.table().num_rows == 12


@pytest.mark.parametrize("query", ["SELECT nonsense FROM events", "SELEC", "SELECT 1/0 FROM x"])
def test_a_wrong_query_is_answered_with_the_columns(run: Run, query: str) -> None:
    """A typing error."""
    with pytest.raises(UsageError, match=r"columns are agent, agent_type") as caught:
        run.sql(query)
    assert "payload->>" in caught.value.fix


@pytest.mark.parametrize(
    "query",
    [
        "COPY events TO '{folder}/out.csv'",
        "SELECT * FROM read_text('{folder}/secret.txt')",
        "SELECT * FROM '{folder}/secret.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "ATTACH '{folder}/other.db'",
    ],
)
def test_a_query_reaches_no_file(run: Run, tmp_path: Path, query: str) -> None:
    """A query may come from a web page."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.csv").write_text("a\n1\n")

    with pytest.raises(UsageError, match="The query failed"):
        run.sql(query.format(folder=tmp_path))
    assert not (tmp_path / "out.csv").exists()


def test_a_query_may_write_files_when_told_so(run: Run, tmp_path: Path) -> None:
    """Somebody exports a run."""
    run.sql(f"COPY events TO '{tmp_path}/out.csv'", files=True)

    assert len((tmp_path / "out.csv").read_text().splitlines()) == 13
