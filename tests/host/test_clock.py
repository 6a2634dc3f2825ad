"""What time it is for a host whose machine's clock is set while it runs."""

from agentmesh.host.clock import SteadyClock

HOUR_NS = 3_600 * 10**9


class Machine:
    """Its time of day, and the time since it was started."""

    def __init__(self) -> None:
        self.wall = 1_000 * HOUR_NS
        self.steady = 5

    def wall_ns(self) -> int:
        """Return the time of day."""
        return self.wall

    def steady_ns(self) -> int:
        """Return the time since the start."""
        return self.steady


def test_the_clock_begins_with_the_time_of_day() -> None:
    """As anybody expects of recorded times."""
    machine = Machine()

    assert SteadyClock(machine.wall_ns, machine.steady_ns)() == machine.wall


def test_setting_the_time_of_day_changes_nothing() -> None:
    """Somebody sets it an hour forward, and then two hours back."""
    machine = Machine()
    clock = SteadyClock(machine.wall_ns, machine.steady_ns)
    began = clock()
    for jump in (HOUR_NS, -2 * HOUR_NS):
        machine.wall += jump
        machine.steady += 10

    assert clock() == began + 20


def test_a_successor_goes_on_where_the_journal_ends() -> None:
    """Its machine's time of day is an hour behind that of the one before."""
    machine = Machine()
    clock = SteadyClock(machine.wall_ns, machine.steady_ns)
    latest = machine.wall + HOUR_NS
    clock.not_before(latest)
    machine.steady += 3
    clock.not_before(machine.wall)

    assert clock() == latest + 3


def test_the_system_has_such_clocks() -> None:
    """Without anything said."""
    clock = SteadyClock()
    first = clock()

    assert first <= clock()
