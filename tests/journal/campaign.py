"""Samples in worker processes: dealt out, watched by the clock, and counted."""

import collections
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

FUZZING = Path(__file__).with_name("fuzzing.py")
SAMPLE_SECONDS = 60.0
"""Far more than any takes, on a machine that does much else."""
BATCH = 5_000
"""Samples after which a worker is replaced by another."""


def tell(text: str, to: TextIO | None = None) -> None:
    """Print a line at once."""
    target = to or sys.stdout
    target.write(text + "\n")
    target.flush()


class Campaign:
    """Runs samples in workers, one batch after another, and collects what went wrong."""

    def __init__(self, seed: int, samples: int, seconds: float, corpus: Path) -> None:
        self.seed, self.corpus = seed, corpus
        self.until = time.monotonic() + seconds
        self.batches = [(first, min(first + BATCH, samples)) for first in range(0, samples, BATCH)][
            ::-1
        ]
        self.ends: collections.Counter[str] = collections.Counter()
        self.problems: dict[int, str] = {}
        self.peak_kb = 0
        self.done = 0

    def run(self, processes: int) -> None:
        """Take all samples, or as many as there is time for."""
        running = [worker for _ in range(processes) if (worker := self._next()) is not None]
        while running:
            select.select([each.out for each in running], [], [], 1.0)
            for worker in list(running):
                if worker.look():
                    continue
                running.remove(worker)
                following = self._next()
                if following is not None:
                    running.append(following)

    def _next(self) -> "Worker | None":
        if not self.batches or time.monotonic() > self.until:
            return None
        return Worker(self, *self.batches.pop())


class Worker:
    """One process with a batch of samples."""

    def __init__(self, campaign: Campaign, first: int, last: int) -> None:
        self._campaign, self._last = campaign, last
        words = ["--work", str(campaign.seed), str(first), str(last), str(campaign.corpus)]
        self._process = subprocess.Popen(
            [sys.executable, str(FUZZING), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.out = self._process.stdout
        os.set_blocking(self.out.fileno(), False)
        self._rest = b""
        self._current = first
        self._since = time.monotonic()
        self._ended = False

    def look(self) -> bool:
        """Read what the process says; tell whether it goes on."""
        while data := self.out.read(1 << 16):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
        if self._process.poll() is not None:
            self._close(f"the process ended with {self._process.returncode}")
            return False
        if time.monotonic() - self._since > SAMPLE_SECONDS:
            self._process.kill()
            self._close(f"it takes more than {SAMPLE_SECONDS:.0f} s")
            return False
        return True

    def _take(self, said: dict[str, Any]) -> None:
        campaign = self._campaign
        if "begins" in said:
            self._current, self._since = said["begins"], time.monotonic()
            campaign.done += 1
            if campaign.done % 10_000 == 0:
                found = len(campaign.problems)
                tell(f"{campaign.done:,} samples, {found:,} defects", sys.stderr)
        elif "problem" in said:
            campaign.problems[said["sample"]] = said["problem"]
            last = said["problem"].strip().splitlines()[-1]
            tell(f"a defect, as in --only {said['sample']}: {last}", sys.stderr)
        else:
            campaign.ends.update(said["ends"])
            campaign.peak_kb = max(campaign.peak_kb, said["peak_kb"])
            self._ended = True

    def _close(self, why: str) -> None:
        _, said = self._process.communicate()
        if not self._ended:
            shown = said.decode(errors="replace")[-2000:]
            self._campaign.problems[self._current] = f"{why}\n{shown}"
            if self._current + 1 < self._last:
                self._campaign.batches.append((self._current + 1, self._last))
