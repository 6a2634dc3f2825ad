"""A recording whose answers were redacted: where that makes a replay differ, it says so."""

from pathlib import Path

import pytest

import agentmesh as am

KEY = "sk-proj-1234567890abcdefghij"


class Wish(am.Message):
    """How the key is used."""

    how: str


@am.tool
async def mint() -> str:
    """Give out a key, which is a secret."""
    return KEY


@am.tool
async def use(key: str) -> bool:
    """Use a key."""
    return key == KEY


@am.agent
class Holder:
    """Has a key made, and hands it on, or looks into it."""

    @am.handler
    async def hold(self, wish: Wish) -> bool:
        """Do as is wished."""
        key = await mint()
        if wish.how == "looks":
            am.log("got a key", length=len(key))
        if wish.how == "decides" and not key.startswith("sk-"):
            raise ValueError(wish.how)
        return await use(key)


@am.workflow(deadline="10s")
async def main(wish: Wish) -> bool:
    """Hold a key."""
    return await am.ref(Holder).hold(wish)


def record(how: str, store: Path) -> None:
    """Run once; the journal has a placeholder where the key was."""
    assert am.run(main, Wish(how=how), local=True, store=str(store), run_id=how, quiet=True)


def test_what_is_only_handed_on_replays(tmp_path: Path) -> None:
    """The placeholder goes where the key went, and is the same there."""
    record("hands-on", tmp_path)

    assert am.replay_run("hands-on", store=str(tmp_path)).identical


@pytest.mark.parametrize(("how", "shown"), [("looks", "28 -> 23"), ("decides", "ValueError")])
def test_what_depends_on_the_secret_is_told_as_such(how: str, shown: str, tmp_path: Path) -> None:
    """Not the code's fault: what the handler saw is not in the recording, which is said."""
    record(how, tmp_path)

    (found,) = am.replay_run(how, store=str(tmp_path)).divergences

    assert (found.reference, found.cause) == ("Holder/main@2", "redaction")
    assert "Holder/main@2 brings placeholders where the run had secrets" in found.explanation
    assert "is not in the recording" in found.explanation
    assert shown in str(found)
