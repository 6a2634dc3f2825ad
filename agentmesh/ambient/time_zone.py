"""The local time zone, which naive `datetime.now()` depends on: recorded with a run.

Unlike the clocks, a time zone can't be answered per thread: the C library has one per
process. So a replay gives its whole process the recorded one for a while.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def time_zone() -> str:
    """Return the name of the local time zone: naive `datetime.now()` depends on it."""
    named = os.environ.get("TZ", "")
    if named:
        return named
    link = Path("/etc/localtime")
    target = str(link.resolve()) if link.is_symlink() else ""
    return target.partition("zoneinfo/")[2] or "UTC"


@contextmanager
def in_time_zone(name: str) -> Iterator[None]:
    """Give this process another local time zone for a while; an empty name changes nothing."""
    before = os.environ.get("TZ")
    if not name or name == time_zone():
        yield
        return
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
