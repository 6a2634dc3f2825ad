"""The agents of `test_nesting` without any spans."""

import agentmesh as am


@am.agent(name="Traced")
class Plain:
    """The same agent without any spans."""

    @am.handler
    async def go(self) -> list[float]:
        """Draw the same numbers."""
        return [am.random().random(), am.random().random()]


@am.workflow(deadline="1m", name="traced")
async def untraced() -> list[float]:
    """Ask it."""
    return await am.ref(Plain).go()
