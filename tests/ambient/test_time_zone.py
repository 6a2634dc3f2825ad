"""A replay sees the local time zone of the recorded run."""

import datetime
import os

from agentmesh.ambient.time_zone import in_time_zone, time_zone


def hour_of(instant: int) -> int:
    """Return the local hour of an instant."""
    return datetime.datetime.fromtimestamp(instant).hour  # noqa: DTZ006 - the local zone is meant


def test_a_stretch_of_the_process_has_another_local_zone() -> None:
    """Noon in Greenwich is evening in Tokyo; afterwards all is as before."""
    noon, before = 1_700_049_600, os.environ.get("TZ")
    here = hour_of(noon)

    with in_time_zone("Asia/Tokyo"):
        there, named = hour_of(noon), time_zone()

    assert (there, named) == (21, "Asia/Tokyo")
    assert (hour_of(noon), os.environ.get("TZ")) == (here, before)


def test_an_empty_name_changes_nothing() -> None:
    """Runs of which nobody knows the zone."""
    before = time_zone()

    with in_time_zone(""):
        assert time_zone() == before
