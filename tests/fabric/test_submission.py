"""What a run knows of the job it was submitted as."""

import json
from pathlib import Path

import pytest

from agentmesh.fabric import jobs

COPY = "/tmp/ray/session_1/runtime_resources/working_dir_files/_ray_pkg_12ab"


def environment(value: object) -> dict[str, str]:
    """The environment of an entry point."""
    return {jobs.CONFIG_VARIABLE: json.dumps(value)}


def test_an_entry_point_knows_its_submission() -> None:
    """The id is what `ray job status` takes, and the metadata what was submitted with it."""
    metadata = {"job_submission_id": "raysubmit_1", "job_name": "raysubmit_1", "team": "support"}
    found = jobs.submission(environment({"runtime_env": {}, "metadata": metadata}))

    assert found is not None
    assert found.submission_id == "raysubmit_1"
    assert found.metadata["team"] == "support"


@pytest.mark.parametrize("value", [{}, {"metadata": {}}, {"metadata": None}, [], "x", 3])
def test_anything_else_is_no_submission(value: object) -> None:
    """Workers have the variable without an id; its form belongs to Ray."""
    assert jobs.submission(environment(value)) is None


def test_outside_a_job_there_is_no_submission() -> None:
    """Nor where the variable is broken."""
    assert jobs.submission({}) is None
    assert jobs.submission({jobs.CONFIG_VARIABLE: "{"}) is None


def test_the_copy_that_ray_unpacks_is_recognised() -> None:
    """It is deleted some time after the job."""
    assert jobs.is_unpacked_copy(COPY)
    assert jobs.is_unpacked_copy(Path(COPY) / ".agentmesh" / "runs")
    assert not jobs.is_unpacked_copy("/srv/project")


def test_runs_are_kept_outside_the_copy() -> None:
    """A relative store would vanish with it; any other is what the user chose."""
    home = str(Path.home() / ".agentmesh" / "runs")

    assert jobs.durable_store(f"{COPY}/.agentmesh/runs") == home
    assert jobs.durable_store("/srv/runs") == "/srv/runs"
    assert (
        jobs.durable_store("s3://bucket/working_dir_files/x") == "s3://bucket/working_dir_files/x"
    )
