"""Whether Ray is here and fits: asked before anything of it is imported."""

from importlib import metadata

import structlog

from agentmesh.errors import RayVersionError

OLDEST = (2, 60)
"""The oldest version that agentmesh was tested with."""
TESTED = (2, 60)
"""The newest version that agentmesh was tested with."""

_warned = False


def check_ray() -> str:
    """Return the version of the installed Ray; warn once about one newer than tested.

    Raises:
        RayVersionError: Ray is missing, or a version that can't work.
    """
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        raise RayVersionError(
            "Ray is not installed in this environment.",
            cause="Agents run on Ray unless a run is local.",
            fix="Install it with `pip install 'ray[default]'`, or run without it: "
            "`agentmesh run --local`, `am.run(..., local=True)`.",
        ) from None
    _check(version)
    return version


def _check(version: str) -> None:
    parts = _parse(version)
    if parts[:1] != OLDEST[:1] or parts < OLDEST:
        raise RayVersionError(
            f"Ray {version} is installed; agentmesh needs {_shown(OLDEST)} or later, below "
            f"{OLDEST[0] + 1}.",
            cause="What hosts rely on, such as concurrency groups and token authentication, "
            "differs in other versions.",
            fix=f"Install one that fits: `pip install 'ray[default]>={_shown(OLDEST)},"
            f"<{OLDEST[0] + 1}'`, on all nodes of the cluster.",
            version=version,
        )
    if parts > TESTED:
        _warn_once(version)


def _parse(version: str) -> tuple[int, int]:
    try:
        major, minor, *_ = version.split(".")
        return int(major), int(minor)
    except ValueError:
        raise RayVersionError(
            f"Ray's version {version!r} can't be understood.",
            fix=f"Install a release: `pip install 'ray[default]>={_shown(OLDEST)}'`.",
            version=version,
        ) from None


def _warn_once(version: str) -> None:
    global _warned  # noqa: PLW0603 - once in a process is the point
    if not _warned:
        _warned = True
        structlog.get_logger("agentmesh").warning(
            "Ray is newer than agentmesh was tested with", ray=version, tested=_shown(TESTED)
        )


def _shown(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)
