"""Ray is looked at before it is imported."""

from importlib import metadata

import pytest
import structlog

from agentmesh.errors import RayVersionError
from agentmesh.fabric import version


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What the environment says of Ray can be set."""
    monkeypatch.setattr(version, "_warned", False)
    return monkeypatch


def pretend(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    """Let the environment have another version of Ray, or none."""

    def answer(name: str) -> str:
        if name != "ray" or found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", answer)


def test_the_installed_version_fits() -> None:
    """The one these tests run on."""
    assert version.check_ray() == metadata.version("ray")


def test_a_missing_ray_is_said_with_the_way_around(installed: pytest.MonkeyPatch) -> None:
    """agentmesh was installed without its dependencies."""
    pretend(installed, None)

    with pytest.raises(RayVersionError, match=r"not installed.*--local"):
        version.check_ray()


@pytest.mark.parametrize("found", ["2.59.1", "2.9.0", "1.13.0", "3.0.0"])
def test_a_version_that_can_not_work_is_refused(installed: pytest.MonkeyPatch, found: str) -> None:
    """Older than what was tested, or another major version."""
    pretend(installed, found)

    with pytest.raises(RayVersionError, match=rf"Ray {found} is installed.*2\.60 or later"):
        version.check_ray()


def test_a_version_that_can_not_be_understood_is_refused(installed: pytest.MonkeyPatch) -> None:
    """A build of somebody's own."""
    pretend(installed, "master")

    with pytest.raises(RayVersionError, match="can't be understood"):
        version.check_ray()


def test_a_newer_version_is_warned_about_once(installed: pytest.MonkeyPatch) -> None:
    """It probably works; whoever meets trouble should know."""
    pretend(installed, "2.61.0")
    with structlog.testing.capture_logs() as lines:
        assert version.check_ray() == "2.61.0"
        version.check_ray()

    assert [(line["event"], line["ray"]) for line in lines] == [
        ("Ray is newer than agentmesh was tested with", "2.61.0")
    ]


def test_patch_releases_of_the_tested_version_pass_silently(installed: pytest.MonkeyPatch) -> None:
    """Ray's patches change nothing that hosts rely on."""
    pretend(installed, "2.60.3")
    with structlog.testing.capture_logs() as lines:
        version.check_ray()

    assert lines == []
