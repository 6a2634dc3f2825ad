"""`@agent`, `@handler` and `@subscribe`: what people write to define agents.

The decorators return what they were given, so that type checkers and unit tests
see an ordinary class or function; what agentmesh knows of it hangs on it as an
`AgentType`. Everything that can be wrong with a definition is said here, when
the module is imported.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, overload

from agentmesh.errors import DefinitionError
from agentmesh.kernel.supervision import Policy
from agentmesh.kernel.waiting import MAILBOX_DEFAULT
from agentmesh.sdk import signature
from agentmesh.sdk.mailbox import Overflow, check_mailbox
from agentmesh.sdk.signature import Signature
from agentmesh.sdk.state import StateSchema
from agentmesh.sdk.supervision import Directive, Supervision, policy_of

MARK = "__agentmesh_handler__"
TYPE = "__agentmesh__"
WORKFLOW_HANDLER = "run"
"""Name of the one handler of every workflow."""

F = TypeVar("F", bound=Callable[..., object])
A = TypeVar("A", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True)
class HandlerOptions:
    """What `@handler` and `@subscribe` were told."""

    reentrant: bool = False
    opaque: bool = False
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HandlerSpec:
    """One handler of an agent type."""

    name: str
    owner: str
    """Name of the agent type."""
    function: Callable[..., object]
    signature: Signature
    options: HandlerOptions
    method: bool
    """Whether the function takes `self`."""

    @property
    def shown(self) -> str:
        """How errors call it."""
        return f"{self.owner}.{self.name}" if self.method else self.owner


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What an agent needs of the machine its host runs on."""

    num_cpus: float | None = None
    num_gpus: float | None = None
    memory_bytes: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    label_selector: Mapping[str, str] = field(default_factory=dict)
    per_host: int | None = None
    """Instances that share one host; None: all of the type, or one if it needs resources."""

    @property
    def own_host(self) -> bool:
        """Whether each instance gets a host of its own."""
        needs = (self.num_cpus, self.num_gpus, self.memory_bytes)
        asked = any(need is not None for need in needs) or self.resources or self.label_selector
        return self.per_host is None and bool(asked)


@dataclass(frozen=True, kw_only=True)
class AgentType:
    """Everything agentmesh knows of one decorated class or function."""

    name: str
    target: Callable[..., object]
    """The class or function, as written."""
    module: str
    handlers: Mapping[str, HandlerSpec]
    concurrency: int
    placement: Placement
    state: StateSchema | None
    policy: Policy | None = None
    """What to do about failures; None: a message fails, and that is all."""
    deadline_seconds: float | None = None
    """Only of a workflow: how long a run may take."""
    mailbox: int | None = MAILBOX_DEFAULT
    """Messages that may wait in an instance; None for any number."""
    overflow: Overflow = "block"
    """What happens when more come."""

    @property
    def is_workflow(self) -> bool:
        """Whether it is the root of runs."""
        return self.deadline_seconds is not None


DEFINED: list[AgentType] = []
"""Every agent type defined in this process, in order of definition."""


@overload
def handler(function: F, /) -> F: ...
@overload
def handler(*, reentrant: bool = False, opaque: bool = False) -> Callable[[F], F]: ...
def handler(
    function: F | None = None, /, *, reentrant: bool = False, opaque: bool = False
) -> F | Callable[[F], F]:
    """Declare a method as a handler: its type hints are routing, validation and schema.

    Args:
        function: The method.
        reentrant: Let a message that its own open turn waits for interleave with that turn.
        opaque: Run the whole handler outside the kernel's loop as one recorded effect, for
            code that needs threads or sockets of its own. Replay then reuses its outcome.
    """
    return _mark(function, HandlerOptions(reentrant=reentrant, opaque=opaque))


def subscribe(topic: str, *, reentrant: bool = False) -> Callable[[F], F]:
    """Declare a method as a handler of what is published to a topic.

    Args:
        topic: The topic's name.
        reentrant: As for `handler`.
    """
    if not isinstance(topic, str) or not topic:
        raise DefinitionError(
            f"@am.subscribe got {topic!r} instead of a topic's name.",
            fix='Write `@am.subscribe("prices")`.',
        )

    def mark(function: F) -> F:
        return _set_mark(function, HandlerOptions(reentrant=reentrant, topics=(topic,)))

    return mark


def _mark(function: F | None, options: HandlerOptions) -> F | Callable[[F], F]:
    if function is None:
        return lambda function: _set_mark(function, options)
    return _set_mark(function, options)


def _set_mark(function: F, options: HandlerOptions) -> F:
    _refuse_bound(function, getattr(function, "__name__", "it"))
    if not callable(function):
        raise DefinitionError(
            f"@am.handler got {function!r} instead of a method.", fix="Put it above an `async def`."
        )
    earlier: HandlerOptions | None = getattr(function, MARK, None)
    if earlier is not None:
        options = HandlerOptions(
            reentrant=options.reentrant or earlier.reentrant,
            opaque=options.opaque or earlier.opaque,
            topics=(*earlier.topics, *options.topics),
        )
    setattr(function, MARK, options)
    return function


@overload
def agent(target: A, /) -> A: ...
@overload
def agent(
    *,
    name: str | None = None,
    concurrency: int = 1,
    mailbox: int | None = MAILBOX_DEFAULT,
    overflow: Overflow = "block",
    per_host: int | None = None,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    memory_bytes: int | None = None,
    resources: Mapping[str, float] | None = None,
    label_selector: Mapping[str, str] | None = None,
    supervision: Supervision | Directive | None = None,
) -> Callable[[A], A]: ...
def agent(
    target: A | None = None,
    /,
    *,
    name: str | None = None,
    concurrency: int = 1,
    mailbox: int | None = MAILBOX_DEFAULT,
    overflow: Overflow = "block",
    per_host: int | None = None,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    memory_bytes: int | None = None,
    resources: Mapping[str, float] | None = None,
    label_selector: Mapping[str, str] | None = None,
    supervision: Supervision | Directive | None = None,
) -> A | Callable[[A], A]:
    """Declare a class, or an asynchronous function without state, as an agent.

    Args:
        target: The class or function.
        name: Name of the agent type; the class's name by default.
        concurrency: How many turns of one instance may be open at once.
        mailbox: How many messages may wait in one instance; None for any number.
        overflow: What happens when more come: `"block"`, whoever sends is slowed down;
            `"reject"`, the new message ends as a dead letter, and whoever asked gets
            `MailboxFullError`; `"drop_oldest"`, that happens to the oldest one.
        per_host: How many instances share a host (a Ray actor).
        num_cpus: CPUs each instance's own host asks Ray for; also `num_gpus`,
            `memory_bytes`, `resources` and `label_selector`, as in Ray.
        num_gpus: GPUs.
        memory_bytes: Memory.
        resources: Custom Ray resources.
        label_selector: Labels of the nodes it may run on.
        supervision: What becomes of the agent when a handler fails: a `Supervision`, or just
            `"restart"`, `"stop"` or `"escalate"`; by default only the message fails.

    Raises:
        DefinitionError: It can't work as an agent; the message shows the fix.
    """
    placement = Placement(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        memory_bytes=memory_bytes,
        resources=dict(resources or {}),
        label_selector=dict(label_selector or {}),
        per_host=per_host,
    )
    namespace = sys._getframe(1).f_locals

    def define(target: A) -> A:
        made = _define(
            target,
            name,
            concurrency,
            placement,
            namespace,
            box=(mailbox, overflow),
            supervision=supervision,
        )
        setattr(target, TYPE, made)
        DEFINED.append(made)
        return target

    return define if target is None else define(target)


def _define(
    target: Callable[..., object],
    name: str | None,
    concurrency: int,
    placement: Placement,
    namespace: Mapping[str, object],
    *,
    supervision: object,
    box: tuple[int | None, Overflow],
) -> AgentType:
    shown: str = name or getattr(target, "__name__", "") or repr(target)
    check_name(shown)
    if not isinstance(concurrency, int) or concurrency < 1:
        raise DefinitionError(
            f"Agent {shown} has concurrency={concurrency!r}.", fix="Give a whole number from 1."
        )
    check_mailbox(shown, *box)
    if isinstance(target, type):
        handlers, state = _read_class(target, shown, namespace), StateSchema(target, namespace)
        state.guard(target)
    elif inspect.isfunction(target):
        handlers = function_handlers(target, shown, namespace, target.__name__)
        state = None
    else:
        raise DefinitionError(
            f"@am.agent got {target!r}.", fix="Put it above a class or an `async def` function."
        )
    return AgentType(
        name=shown,
        target=target,
        module=target.__module__,
        handlers=handlers,
        concurrency=concurrency,
        placement=placement,
        state=state,
        mailbox=box[0],
        overflow=box[1],
        policy=policy_of(supervision, shown, has_state=state is not None and bool(state.hints)),
    )


def check_name(name: str) -> None:
    """Refuse names that would not work in addresses and file names."""
    odd = not name.isprintable() or name != name.strip()
    if not name or odd or any(char in name for char in "/#@"):
        raise DefinitionError(
            f"{name!r} can't be an agent's name: it is part of addresses.",
            fix="Use letters, digits, dots, dashes and underscores.",
        )


def _read_class(cls: type, name: str, namespace: Mapping[str, object]) -> dict[str, HandlerSpec]:
    if cls.__init__ is not object.__init__:  # type: ignore[misc]
        raise DefinitionError(
            f"Agent {name} defines __init__, which nobody would call with arguments.",
            cause="agentmesh makes and restores instances from their annotated attributes.",
            fix="Write attributes with defaults (`asked: int = 0`); am.spawn() sets others.",
        )
    handlers = {}
    visible = {**namespace, **vars(cls)}  # what a hint inside the class may name
    for attribute in dir(cls):
        function = inspect.getattr_static(cls, attribute)
        options: HandlerOptions | None = getattr(inspect.unwrap(function), MARK, None)
        if options is None:
            continue
        _refuse_bound(function, f"{name}.{attribute}")
        read = signature.read(function, f"{name}.{attribute}", visible, method=True)
        _check_opaque(f"{name}.{attribute}", options, read)
        handlers[attribute] = HandlerSpec(
            name=attribute,
            owner=name,
            function=function,
            signature=read,
            options=options,
            method=True,
        )
    if not handlers:
        raise DefinitionError(
            f"Agent {name} has no handler, so nothing can reach it.",
            fix="Put @am.handler above an `async def` method that takes a message.",
        )
    return handlers


def _refuse_bound(function: object, what: str) -> None:
    if isinstance(function, staticmethod | classmethod):
        raise DefinitionError(
            f"{what} is a {type(function).__name__}.",
            cause="A handler works on one instance and its state.",
            fix=f"Write an ordinary method: `async def {what.rpartition('.')[2]}(self, ...)`.",
        )


def _check_opaque(what: str, options: HandlerOptions, read: Signature) -> None:
    if options.opaque and read.streaming:
        raise DefinitionError(
            f"{what} is opaque and yields.",
            cause="An opaque handler is one recorded effect, with one result.",
            fix="Return a list, or leave out `opaque` and put the blocking part into an @am.tool.",
        )


def function_handlers(
    function: Callable[..., object], name: str, namespace: Mapping[str, object], handler: str
) -> dict[str, HandlerSpec]:
    """Return the single handler of an agent that is a function."""
    options = getattr(function, MARK, HandlerOptions())
    read = signature.read(function, name, namespace, method=False)
    _check_opaque(name, options, read)
    spec = HandlerSpec(
        name=handler,
        owner=name,
        function=function,
        signature=read,
        options=options,
        method=False,
    )
    return {handler: spec}


def agent_type_of(target: object) -> AgentType:
    """Return the `AgentType` of a decorated class or function.

    Raises:
        DefinitionError: It is not decorated.
    """
    made = vars(target).get(TYPE) if hasattr(target, "__dict__") else None
    if not isinstance(made, AgentType):
        raise DefinitionError(
            f"{getattr(target, '__name__', target)!r} is not an agent.",
            fix="Decorate the class or function with @am.agent.",
        )
    return made
