"""What handlers can do, seen from a run in this process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import agentmesh as am


class Word(am.Message):
    """One word."""

    text: str


class Words(am.Message):
    """Some words."""

    texts: list[str]


@am.agent
class Keeper:
    """Keeps words."""

    words: list[str] = []  # noqa: RUF012 - state: each instance gets its own copy
    limit: int = 10

    @am.handler
    async def keep(self, word: Word) -> int:
        """Keep one."""
        self.words.append(word.text)
        return len(self.words)

    @am.handler
    async def kept(self) -> list[str]:
        """Return all."""
        return self.words

    @am.handler
    async def either(self, given: Word | Words) -> str:
        """Take one or many."""
        return type(given).__name__

    @am.handler
    async def most(self) -> int:
        """Return the limit."""
        return self.limit

    @am.handler
    async def undeclared(self) -> None:
        """Set what is not declared."""
        self.other = 1

    @am.handler(reentrant=True)
    async def who(self) -> str:
        """Say who asks."""
        return am.context().sender

    @am.subscribe("news")
    async def heard(self, word: Word) -> None:
        """Keep news."""
        self.words.append(f"heard {word.text}")

    @am.handler
    async def spell(self, word: Word) -> AsyncIterator[str]:
        """Yield letters."""
        for letter in word.text:
            yield letter

    @am.handler(opaque=True)
    async def blocking(self, word: Word) -> str:
        """Use a thread of its own: the whole handler is one effect."""
        self.words.append(await asyncio.to_thread(word.text.upper))
        return self.words[-1]


@am.agent
async def shout(word: Word) -> str:
    """Raise the voice."""
    return word.text.upper()


@am.workflow(deadline="10s")
async def uses_everything() -> dict[str, object]:
    """Use the verbs."""
    keeper = am.spawn(Keeper, "k", limit=3)
    am.tell(keeper.keep, Word(text="told"))
    published = am.publish("news", Word(text="today"), key="k")
    found: dict[str, object] = {
        "kept": await keeper.keep(Word(text="asked")),
        "words": await keeper.kept(),
        "limit": await keeper.most(),
        "other": await am.ref(Keeper, "another").kept(),
        "either": [await keeper.either(Word(text="x")), await keeper.either(Words(texts=[]))],
        "letters": [letter async for letter in keeper.spell(Word(text="abc"))],
        "shouted": await am.ref(shout)(Word(text="hey")),
        "sender": await keeper.who(),
        "opaque": await keeper.blocking(Word(text="loud")),
        "published": published,
        "run": am.context().run_id,
    }
    found["words after"] = await keeper.kept()
    am.stop(keeper)
    with pytest.raises(am.AgentStoppedError):
        await keeper.kept()
    with pytest.raises(am.StateError, match="no attribute colour"):
        am.spawn(Keeper, "c", colour="red")
    with pytest.raises(am.StateError, match="limit"):
        am.spawn(Keeper, "c", limit="few")
    with pytest.raises(am.DefinitionError, match="takes Word, not Words"):
        await am.ref(Keeper).keep(Words(texts=[]))  # type: ignore[arg-type]
    with pytest.raises(am.StateError, match="other is not declared"):
        await am.ref(Keeper).undeclared()
    return found


def test_verbs_do_what_they_say_and_the_run_replays(tmp_path: Path) -> None:
    """Everything a handler can say, in one run."""
    found = am.run(uses_everything, local=True, store=str(tmp_path), run_id="r", quiet=True)

    assert found == {
        "kept": 3,
        "words": ["told", "heard today", "asked"],
        "limit": 3,
        "other": [],
        "either": ["Word", "Words"],
        "letters": ["a", "b", "c"],
        "shouted": "HEY",
        "sender": "uses_everything/root",
        "opaque": "LOUD",
        "published": 1,
        "run": "r",
        "words after": ["told", "heard today", "asked", "LOUD"],
    }
    report = am.replay_run("r", store=str(tmp_path))
    assert report.identical, str(report.divergences[0])
