"""Rules AM2: an order, address or hash that differs from process to process and gets out.

Nothing here is wrong in itself: a set may be iterated, as long as nothing that the agent asks of
the world depends on the order. So values are followed (`flow`) until they reach a command, and
only the pair of both is reported, where the order got out of the set.
"""

from collections.abc import Iterator

from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.flow import ADDRESS, HASH, LISTING, SET, Flow
from agentmesh.linting.names import Names
from agentmesh.linting.reach import Reached

_HANDLER = "@am.handler\nasync def take(self, job: Job) -> list[str]:\n"

SET_ORDER = Rule(
    id="AM201",
    name="set-order",
    why="A set of strings or objects is iterated in another order in another process, and a "
    "command depends on it.",
    fix="Sort it (`for name in sorted(names)`), or keep a dict or list, which have an order.",
    bad=f"{_HANDLER}    names = set(job.names)\n    for name in names:\n        "
    "am.tell(am.ref(Clerk, name).wake)",
    good=f"{_HANDLER}    names = set(job.names)\n    for name in sorted(names):\n        "
    "am.tell(am.ref(Clerk, name).wake)",
)
LISTING_ORDER = Rule(
    id="AM202",
    name="listing-order",
    why="Files are listed in the order of the file system, which no two machines share, and a "
    "command depends on it.",
    fix="List them in an @am.tool, and return sorted(...).",
    bad=f"{_HANDLER}    return os.listdir(job.folder)",
    good="@am.tool\ndef files(folder: str) -> list[str]:\n    return sorted(os.listdir(folder))",
)
ADDRESS_USED = Rule(
    id="AM203",
    name="object-address",
    why="id() is an address in memory, another one in each process, and a command depends on it.",
    fix="Use an id of your own: a counter in the agent's state, or am.uuid().",
    bad=f"{_HANDLER}    am.log('got', object=id(job))",
    good=f"{_HANDLER}    am.log('got', object=str(am.uuid()))",
)
HASH_USED = Rule(
    id="AM204",
    name="hash-value",
    why="hash() of a string differs from process to process, and a command depends on it.",
    fix="Use a digest: `zlib.crc32(text.encode())`, or hashlib.",
    bad=f"{_HANDLER}    await am.ref(Shard, f'{{hash(job.name) % 8}}').put(job)",
    good=f"{_HANDLER}    await am.ref(Shard, f'{{zlib.crc32(job.name.encode()) % 8}}').put(job)",
)
RULES = (SET_ORDER, LISTING_ORDER, ADDRESS_USED, HASH_USED)

_RULE_OF = {SET: SET_ORDER, LISTING: LISTING_ORDER, ADDRESS: ADDRESS_USED, HASH: HASH_USED}
_WHAT = {
    SET: "The order of a set gets out",
    LISTING: "The order of a folder's listing gets out",
    ADDRESS: "An address in memory is used",
    HASH: "A hash that differs from process to process is used",
}


def check(names: Names, here: Reached) -> Iterator[Finding]:
    """Report what reaches commands of one function in an order that nobody fixed."""
    flow = Flow(names, here.function, is_entry=here.is_entry)
    flow.run()
    told: dict[tuple[str, int, int], None] = {}
    for leak, sink in flow.found:
        place = (leak.kind, leak.node.lineno, leak.node.col_offset)
        if place in told:
            continue
        told[place] = None
        same = leak.module is here.function.module
        line = getattr(sink.node, "lineno", 1)
        where = f"line {line}" if same else f"{here.function.module.source.path}:{line}"
        what = f"{_WHAT[leak.kind]} in {here.function.shown}{here.through}, and reaches "
        yield leak.module.source.finding(
            _RULE_OF[leak.kind], leak.node, f"{what}{sink.what} in {where}."
        )
