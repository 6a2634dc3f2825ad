"""A newsroom: a writer asks tools and a model, an editor decides, a press prints.

What the tests of divergences edit: copies of this file, replayed against its recorded runs.

    python newsroom.py STORE RUN_ID...       # records runs, one after the other
"""

import asyncio
import importlib
import os
import sys
import time
from pathlib import Path

import agentmesh as am
from agentmesh.effects import settings
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Rule

gazette = importlib.import_module("gazette")  # lies in site/, which only its runs know
PROMPT = """You write for a small paper, which people read at breakfast.
They want to know what happened, and what it means for them.
Write one sentence about the {topic}. Use plain words, and no more than twenty of them.
Facts: {facts}."""
LIMIT = 2
CALLS = 0
CLOCKS = (time.perf_counter_ns,)
EDITION = os.environ.get("NEWSROOM_EDITION", "morning")
STYLE = Path(__file__).with_name("style.txt").read_text(encoding="utf-8").strip()
TAGS = ["sea", "land", "harbour", "weather", "people", "money", "sport", "letters"]


class Topic(am.Message):
    """What to write about."""

    name: str


class Draft(am.Message):
    """What was written."""

    topic: str
    text: str
    words: int


class Verdict(am.Message):
    """Whether it is good enough."""

    ok: bool
    reason: str = ""


class Tag(am.Message):
    """A label for the index."""

    name: str


@am.tool
async def fetch(topic: str, depth: int = 1) -> list[str]:
    """Fetch facts."""
    return [f"{topic} fact {number}" for number in range(depth + 1)]


@am.tool
async def archive(topic: str) -> str:
    """Look up what was written before."""
    return f"nothing yet on {topic}"


@am.tool
async def lookup(word: str) -> str:
    """Explain a word."""
    return word


def headline(topic: str) -> str:
    """Make a headline of a topic."""
    return topic.title()


def asked(topic: str, facts: list[str]) -> str:
    """Make the question for the model."""
    return PROMPT.format(topic=topic, facts=", ".join(facts))


@am.agent
class Writer:
    """Writes drafts."""

    drafts: int = 0

    @am.handler
    async def write(self, topic: Topic) -> Draft:
        """Write one draft."""
        facts = await fetch(topic.name)
        old = await archive(topic.name)
        text = await am.llm(asked(topic.name, [*facts, old]), tools=[lookup], system=STYLE)
        self.drafts += 1
        am.log("drafted", topic=topic.name, number=self.drafts, edition=EDITION)
        return Draft(topic=headline(topic.name), text=text, words=len(text.split()))


@am.agent
class Editor:
    """Decides about drafts."""

    accepted: int = 0

    @am.handler
    async def review(self, draft: Draft) -> Verdict:
        """Look at a draft, and tell the index what it is about."""
        am.log("reviewing", topic=draft.topic, paper=gazette.NAME)
        await am.sleep(0.01)
        for tag in sorted(TAGS):
            am.tell(am.ref(Index).note, Tag(name=tag))
        am.tell(am.ref(Press).warm_up, Tag(name=draft.topic))
        if draft.words > LIMIT:
            self.accepted += 1
            return Verdict(ok=True)
        return Verdict(ok=False, reason="too short")


@am.agent
class Index:
    """Counts labels."""

    notes: int = 0

    @am.handler
    async def note(self, tag: Tag) -> None:
        """Count one."""
        self.notes += 1
        am.log("noted", tag=tag.name, number=self.notes)


@am.agent
class Press:
    """Prints."""

    printed: int = 0

    @am.handler
    async def warm_up(self, tag: Tag) -> None:
        """Get ready."""
        am.log("warm", topic=tag.name)

    @am.handler
    async def run_off(self, draft: Draft) -> None:
        """Print a draft."""
        self.printed += 1
        am.log("printed", topic=draft.topic)

    @am.handler
    async def count(self) -> int:
        """Say how many were printed."""
        return self.printed


@am.workflow(deadline="1m")
async def main() -> int:
    """Make three articles, one after the other."""
    for name in ("storm", "harvest", "election"):
        draft = await am.ref(Writer).write(Topic(name=name))
        verdict = await am.ref(Editor).review(draft)
        if verdict.ok:
            am.tell(am.ref(Press).run_off, draft)
    await asyncio.sleep(0.01)
    return await am.ref(Press).count()


if __name__ == "__main__":
    rules = [Rule(contains="sentence", answer="It is not over yet.")]
    with ModelServer(rules=rules, seed=1) as server:
        for run_id in sys.argv[2:]:
            am.run(
                main,
                local=True,
                store=sys.argv[1],
                run_id=run_id,
                settings=settings.simulated(server.base_url),
                quiet=True,
            )
