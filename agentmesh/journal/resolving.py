"""Records with their payloads, which may be in the blob store."""

from typing import TypeVar

from msgspec.structs import replace

from agentmesh.journal.blobs import Blobs
from agentmesh.journal.records import CommandRecord, EventRecord
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.events import Delivered, EffectFinished

Resolvable = TypeVar("Resolvable", bound=EventRecord | CommandRecord)


def resolved(body: Resolvable, blobs: Blobs) -> Resolvable:
    """Return an event or command with its payload, if that is in the blob store.

    Raises:
        JournalError: The blob is missing or damaged.
    """
    if isinstance(body, Delivered) and body.envelope.blob:
        payload = blobs.get(body.envelope.blob)
        return replace(body, envelope=replace(body.envelope, payload=payload, blob=""))
    if isinstance(body, EffectFinished) and body.blob:
        return replace(body, result=blobs.get(body.blob), blob="")
    if isinstance(body, StartEffect) and body.blob:
        return replace(body, request=blobs.get(body.blob), blob="")
    return body
