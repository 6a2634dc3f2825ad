"""A loop that goes on for ever, and whose past is let go: `am.continue_with`.

An agent is recovered by repeating what its open turn did. A turn that never ends would have
ever more to repeat. So this watchman ends each round with `am.continue_with(...)`: the turn is
over, what it must remember goes into a message, and the same handler begins afresh with it.
Whoever asked does not notice: there is one question and one answer, ten turns later.

    python examples/long_running.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/long_running.py   # without Ray, at once
    agentmesh show RUN --agent Watchman/main            # its turns: continued, and in the end done

Expected output:

    Heard 40 readings; the highest was 39.
    Turns of the watchman: 9 continued, 1 done
    The longest of them took in 4 results.
    Replayed 11 turns: 0 divergences
"""

from collections import Counter

import agentmesh as am

ROUND = 4
ENOUGH = 40


class Watch(am.Message):
    """Where a round begins: all that is carried over from the rounds before."""

    heard: int = 0
    highest: int = 0


@am.tool
async def read_meter(number: int) -> int:
    """Read the meter: what comes from outside is a tool, and is recorded."""
    return number * 7 % ENOUGH


@am.agent
class Watchman:
    """Watches a meter round by round."""

    @am.handler
    async def watch(self, watch: Watch) -> Watch:
        """Take some readings, and go on; a real one would have no end but its deadline."""
        readings = [await read_meter(watch.heard + number) for number in range(ROUND)]
        so_far = Watch(heard=watch.heard + ROUND, highest=max(watch.highest, *readings))
        if so_far.heard < ENOUGH:
            am.continue_with(so_far)
        return so_far


@am.workflow(deadline="1m")
async def main() -> Watch:
    """Ask once, and wait for the one answer."""
    return await am.ref(Watchman).watch(Watch())


def history() -> None:
    """Say how the watchman's turns ended, and how much each took in."""
    with am.open_run("latest") as run:
        ends = run.sql("SELECT outcome FROM events WHERE agent_type = 'Watchman' AND outcome <> ''")
        taken = run.sql("SELECT count(*) AS n FROM events WHERE kind = 'finished' GROUP BY turn")
    counted = Counter(ends["outcome"].to_pylist())
    shown = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items()))
    print(f"Turns of the watchman: {shown}")
    print(f"The longest of them took in {max(taken['n'].to_pylist())} results.")


if __name__ == "__main__":
    seen = am.run(main)
    print(f"Heard {seen.heard} readings; the highest was {seen.highest}.")
    history()
    report = am.replay_run()
    print(f"Replayed {report.turns} turns: {len(report.divergences)} divergences")
