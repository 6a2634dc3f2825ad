"""How people define agents and what they can say inside a handler.

The map: `message` (typed messages and their JSON), `signature` (what a handler's
hints mean), `agent` (`@agent`, `@handler`, `@subscribe`), `workflow`
(`@workflow`), `behavior` (an agent type as the kernel sees it), `state` (an
agent's attributes), `program` (which agent types a run knows), `ref` (typed
references and asks), `verbs` (everything else a handler can do), `duration`.

Nothing here performs I/O or knows a driver.
"""
