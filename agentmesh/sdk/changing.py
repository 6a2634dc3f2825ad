"""`changed`: new code that keeps an old path for runs that were recorded before.

It knows nothing of recordings: the cell does, while an event happens again. What a turn
decides is a log line of the journal, an ordinary command, so that a recording says which
path each of its turns took; a recording without the line took the old one.
"""

from agentmesh.errors import DefinitionError
from agentmesh.sdk import message
from agentmesh.sdk.ref import current_cell, current_run


def changed(change: str, /) -> bool:
    """Tell whether the current turn takes the new path of a change in the code.

    ```python
    if am.changed("ask the editor, too"):
        await am.ref(Editor).read(draft)
    ```

    True in a live run, which notes it in the journal. In a replay, a resumed run and the
    repeated part of a fork it is what the recorded turn took: False for turns that were
    recorded before the code knew the change. A turn decides once: the answer is the same
    until it ends, also where a run goes on in the middle of it.

    When no recording of the old path is left, drop the old path and the call: recordings of
    the new one replay as before.

    Args:
        change: A name for the change; the same for ever.

    Raises:
        DefinitionError: It is no name.
        NotInHandlerError: Called outside a handler.
    """
    if not isinstance(change, str) or not change:
        raise DefinitionError(
            f"am.changed got {change!r} instead of a name for the change.",
            fix='Write `if am.changed("ask the editor, too"):`, with a text that never changes.',
        )
    data = message.encode({"id": change})
    return current_cell().takes_new_path(current_run().redactor.json(data))
