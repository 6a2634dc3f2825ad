"""anyio, unmodified, inside a handler: a task group, a stream between tasks, cancel scopes.

Three searchers look in different archives. Whoever finds the map first tells the others by
cancelling the group's scope; an archive that takes too long is given up by `move_on_after`.
anyio's clock is the handler's: its time limits are recorded, and a replay does not wait.

    python examples/frameworks/anyio_groups.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/frameworks/anyio_groups.py   # without Ray, at once
    agentmesh replay                                               # the same again

Expected output:

    attic: gave up after 0.1 s
    cellar: found the map
    vault: called off
"""

import anyio
from anyio.streams.memory import MemoryObjectSendStream

import agentmesh as am


@am.tool
async def search(archive: str) -> bool:
    """Look through an archive, which takes time."""
    await anyio.sleep({"attic": 60, "cellar": 0.3, "vault": 30}[archive])
    return archive == "cellar"


@am.agent
class Librarian:
    """Sends searchers out."""

    @am.handler
    async def find_map(self) -> list[str]:
        """Search everywhere at once until the map is found."""
        send, receive = anyio.create_memory_object_stream[str](max_buffer_size=10)
        async with receive:
            async with send, anyio.create_task_group() as searchers:
                for archive, patience in (("attic", 0.1), ("cellar", 10), ("vault", 10)):
                    searchers.start_soon(
                        self._search, archive, patience, searchers.cancel_scope, send.clone()
                    )
            return sorted([news async for news in receive])

    async def _search(
        self,
        archive: str,
        patience_seconds: float,
        all_of_us: anyio.CancelScope,
        news: MemoryObjectSendStream[str],
    ) -> None:
        """Search one archive, and tell how it went."""
        async with news:
            try:
                with anyio.move_on_after(patience_seconds) as limit:
                    if await search(archive):
                        news.send_nowait(f"{archive}: found the map")
                        all_of_us.cancel()
            except anyio.get_cancelled_exc_class():
                news.send_nowait(f"{archive}: called off")
                raise
            if limit.cancelled_caught:
                news.send_nowait(f"{archive}: gave up after {patience_seconds} s")


@am.workflow(deadline="1m")
async def main() -> list[str]:
    """Ask for the map."""
    return await am.ref(Librarian).find_map()


if __name__ == "__main__":
    print("\n".join(am.run(main)))
