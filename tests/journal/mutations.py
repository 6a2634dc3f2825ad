"""Files of a run, broken on purpose: blindly, and by who knows how they are built.

Flipped bytes seldom get past a checksum. So a mutation may also take a file apart, change
what is inside, and put it together as its writer would have: then it reaches the decoders.
"""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import msgspec
import zstandard

from agentmesh.journal import framing
from agentmesh.journal.reading import LogReader

Mutation = Callable[[random.Random, bytes], bytes]

_NUMBERS = (0, 1, -1, 127, 128, 255, 2**16, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63))
_TEXTS = ("", "A/1", "../../../etc/passwd", "\x00", "x" * 300, "local-0.log", "delivered", "\ufffd")
_BLOBS = (b"", b"\xc1", b"\x80", b'{"a":1}', b"[" * 2000, b"\xff" * 40, b'"\\ud800"')


def any_value(rng: random.Random) -> Any:
    """Return something that is seldom expected."""
    pick = rng.randrange(7)
    if pick == 0:
        return rng.choice(_NUMBERS)
    if pick == 1:
        return rng.choice(_TEXTS)
    if pick == 2:
        return rng.choice(_BLOBS)
    if pick == 3:
        return rng.choice((None, True, False, 1.5, float("nan"), float("inf"), -0.0))
    if pick == 4:
        return [any_value(rng) for _ in range(rng.randrange(3))]
    if pick == 5:
        return {rng.choice(_TEXTS): any_value(rng)}
    deep: Any = rng.choice(_NUMBERS)
    for _ in range(rng.choice((3, 30, 600))):
        deep = [deep]
    return deep


# --- any bytes ------------------------------------------------------------------------------------


def raw(rng: random.Random, data: bytes) -> bytes:
    """Change bytes, cut, repeat, insert; know nothing."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        at = rng.randrange(len(made) + 1)
        pick = rng.randrange(7)
        if pick <= 1 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif pick == 2 and at < len(made):
            made[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0xC1, rng.randrange(256)))
        elif pick == 3:
            del made[at : at + rng.choice((1, 2, 8, 100, 5000))]
        elif pick == 4:
            made[at:at] = rng.randbytes(rng.choice((1, 4, 30)))
        elif pick == 5:
            piece = made[at : at + rng.choice((1, 8, 64, 500))]
            made[at:at] = piece * rng.choice((1, 2, 10))
        elif at + 8 <= len(made):
            number = rng.choice(_NUMBERS) & 0xFFFFFFFFFFFFFFFF
            made[at : at + 8] = struct.pack("<Q", number)
    return bytes(made)


def cut(rng: random.Random, data: bytes) -> bytes:
    """End too early."""
    return data[: rng.randrange(len(data) + 1)]


# --- trees ----------------------------------------------------------------------------------------


def tree(rng: random.Random, value: Any) -> Any:
    """Change something somewhere in nested lists and dictionaries."""
    if isinstance(value, list) and value and rng.random() < 0.9:
        made, at = list(value), rng.randrange(len(value))
        pick = rng.randrange(8)
        if pick == 0:
            del made[at]
        elif pick == 1:
            made.insert(at, any_value(rng))
        elif pick == 2:
            made.insert(at, made[rng.randrange(len(made))])
        else:
            made[at] = tree(rng, made[at])
        return made
    if isinstance(value, dict) and value and rng.random() < 0.9:
        copied, key = dict(value), rng.choice(list(value))
        pick = rng.randrange(6)
        if pick == 0:
            del copied[key]
        elif pick == 1:
            copied[str(any_value(rng))[:40]] = any_value(rng)
        else:
            copied[key] = tree(rng, copied[key])
        return copied
    if isinstance(value, bytes) and value and rng.random() < 0.5:
        return raw(rng, value)
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.5:
        return max(-(2**63), min(2**64 - 1, value + rng.choice((-1, 1, 1000, -1000, 2**32))))
    return any_value(rng)


def json_file(rng: random.Random, data: bytes) -> bytes:
    """Change `run.json` or `driver.json`."""
    if rng.random() < 0.3:
        return raw(rng, data)
    value = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = tree(rng, value)
    text = json.dumps(value, default=lambda other: other.decode("latin-1"))
    if rng.random() < 0.05:
        text = "[" * 100_000 + text
    if rng.random() < 0.05:
        text = text.replace("1", "1" * 5000, 1)
    return text.encode("utf-8", "surrogatepass")


# --- logs and snapshots ---------------------------------------------------------------------------


def log_file(rng: random.Random, data: bytes) -> bytes:
    """Change a log or a snapshot: frames, records, the header, with checksums that fit."""
    pick = rng.random()
    if pick < 0.2:
        return raw(rng, data)
    reader = LogReader(io.BytesIO(data), "seed")
    header = msgspec.to_builtins(reader.header)
    frames = [records for _, records in reader.frames()]
    if pick < 0.3:
        header = tree(rng, header)
    else:
        for _ in range(rng.choice((1, 1, 2, 6))):
            frames = _frames(rng, frames)
    ends = rng.random() < 0.5
    return _joined(rng, header, [*frames, *([framing.pack_array_head(0)] if ends else [])])


def _frames(rng: random.Random, frames: list[bytes]) -> list[bytes]:
    made, at = list(frames), rng.randrange(len(frames)) if frames else 0
    if not frames:
        return [rng.randbytes(20)]
    pick = rng.randrange(10)
    if pick == 0:
        del made[at]
    elif pick == 1:
        made.insert(rng.randrange(len(made)), made[at])
    elif pick == 2:
        rng.shuffle(made)
    elif pick == 3:
        made[at] = raw(rng, made[at])
    elif pick == 4:  # the array claims another length
        made[at] = struct.pack(">BI", 0xDD, rng.choice(_NUMBERS) & 0xFFFFFFFF) + made[at][5:]
    else:
        made[at] = _records(rng, made[at])
    return made


def _records(rng: random.Random, frame: bytes) -> bytes:
    """Change a record: its msgpack stays msgpack."""
    try:
        values = msgspec.msgpack.decode(frame)
        packed = msgspec.msgpack.encode(tree(rng, values))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        return raw(rng, frame)
    if packed[0] & 0xF0 == 0x90:  # arrays of frames have a long head
        packed = framing.pack_array_head(packed[0] & 0x0F) + packed[1:]
    elif packed[0] == 0xDC:
        packed = framing.pack_array_head(struct.unpack(">H", packed[1:3])[0]) + packed[3:]
    return packed


def _joined(rng: random.Random, header: Any, frames: list[bytes]) -> bytes:
    salt = 7
    seed = framing.seed_of(salt)
    made = bytearray(_start(header, salt, rng))
    for records in frames:
        size = len(records) if rng.random() < 0.98 else rng.choice(_NUMBERS) & 0xFFFFFFFF
        offset = len(made) if rng.random() < 0.98 else rng.randrange(2**40)
        crc = framing.frame_checksum(records, seed, offset)
        made += struct.pack("<4sIQI", framing.MARKER, size, offset, crc) + records
    return bytes(made)


def _start(header: Any, salt: int, rng: random.Random) -> bytes:
    body = msgspec.msgpack.encode(header)
    version = 1 if rng.random() < 0.98 else rng.choice(_NUMBERS) & 0xFFFFFFFF
    size = len(body) if rng.random() < 0.98 else rng.choice(_NUMBERS) & 0xFFFFFFFF
    prelude = struct.pack("<18sIIQ", framing.MAGIC, version, size, salt)
    sums = [struct.pack("<I", framing.checksum(each)) for each in (prelude, body)]
    return prelude + sums[0] + body + sums[1]


# --- Parquet --------------------------------------------------------------------------------------


def parquet_file(rng: random.Random, data: bytes) -> bytes:
    """Change a Parquet file: bytes, its footer, or a column of what is in it."""
    pick = rng.random()
    if pick < 0.3:
        return raw(rng, data)
    if pick < 0.6:
        return _footer(rng, data)
    return _columns(rng, data)


def _footer(rng: random.Random, data: bytes) -> bytes:
    size = struct.unpack("<I", data[-8:-4])[0]
    start = len(data) - 8 - size
    footer = raw(rng, data[start:-8])
    claimed = len(footer) if rng.random() < 0.9 else rng.choice(_NUMBERS) & 0xFFFFFFFF
    return data[:start] + footer + struct.pack("<I", claimed) + data[-4:]


def bomb(rng: random.Random, data: bytes, rows: int | None = None) -> bytes:
    """Return a few kilobytes that stand for millions of rows, or for gigabytes of text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    at = table.schema.names.index("payload")
    row = table.slice(rng.randrange(table.num_rows), 1)
    row = row.set_column(at, table.schema.field(at), pa.nulls(1, pa.string()))
    many = row.take(pa.array([0] * (rows or rng.choice((1_100_000, 20_000, 200_000)))))
    if many.num_rows <= 200_000:  # one text, once in the file, in as many rows
        texts = pa.array(['"' + "x" * 5_000_000 + '"'])
        places = pa.array([0] * many.num_rows, pa.int32())
        column = pa.DictionaryArray.from_arrays(places, texts)
        many = many.set_column(at, "payload", column)
    target = io.BytesIO()
    said = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
    plain = many.replace_schema_metadata(None)  # which would say that it is a dictionary
    with pq.ParquetWriter(target, plain.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(plain)
        writer.add_key_value_metadata(said)
    return target.getvalue()


def _columns(rng: random.Random, data: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    name = rng.choice(["record", "record", "record", *table.schema.names])
    at = table.schema.names.index(name)
    pick = rng.randrange(8)
    if pick == 0:
        table = table.drop_columns([name])
    elif pick == 1:
        table = table.take(rng.sample(range(table.num_rows), table.num_rows))
    elif pick == 2:
        table = table.slice(rng.randrange(table.num_rows), rng.randrange(table.num_rows))
    elif pick == 3:
        kind = rng.choice((pa.int64(), pa.string(), pa.binary(), pa.float32(), pa.bool_()))
        table = table.set_column(at, name, pa.nulls(table.num_rows, kind))
    elif pick == 4:
        metadata = {k.decode(): v.decode("latin-1") for k, v in table.schema.metadata.items()}
        table = table.replace_schema_metadata(_texts(rng, metadata))
    else:
        values = table[name].to_pylist()
        for _ in range(rng.choice((1, 3, 20))):
            row = rng.randrange(len(values))
            values[row] = _cell(rng, values[row], table.schema.field(name).type)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table[name].type))
    target = io.BytesIO()
    groups_of = max(rng.choice((1, 7, 100_000)), table.num_rows // 10_000)  # or it takes minutes
    pq.write_table(table, target, row_group_size=groups_of)
    return target.getvalue()


def _texts(rng: random.Random, metadata: dict[str, str]) -> dict[str, str]:
    name = rng.choice(list(metadata))
    try:
        changed = json.dumps(tree(rng, json.loads(metadata[name])), default=str)
    except ValueError:
        changed = str(any_value(rng))
    return {**metadata, name: changed.encode("utf-8", "replace").decode()}


def _cell(rng: random.Random, value: Any, kind: Any) -> Any:
    import pyarrow as pa

    if rng.random() < 0.1:
        return None
    if kind == pa.binary():
        try:
            return msgspec.msgpack.encode(tree(rng, msgspec.msgpack.decode(value)))
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError, TypeError):
            return raw(rng, value or b"?")
    if kind == pa.string():
        return rng.choice((*_TEXTS, str(value) + "x", "\\ud800", "NaN", "[" * 3000))
    if kind == pa.bool_():
        return not value
    if kind == pa.int32():
        return rng.choice((0, 1, -1, 2**31 - 1, -(2**31)))
    return rng.choice([each for each in _NUMBERS if -(2**63) <= each < 2**63])


# --- payloads -------------------------------------------------------------------------------------


def blob_file(rng: random.Random, data: bytes) -> bytes:
    """Change a compressed payload: also to one that claims, or has, far too much."""
    pick = rng.randrange(6)
    if pick <= 1:
        return raw(rng, data)
    if pick == 2:  # a frame with a content size of 8 bytes, which it does not have
        return b"\x28\xb5\x2f\xfd\xe0" + rng.randbytes(8) + data[6:]
    if pick == 3:
        claimed = rng.choice((2**31 - 1, 2**31, 2**40))
        return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", claimed) + data[6:]
    if pick == 4:
        return zstandard.ZstdCompressor().compress(bytes(rng.choice((10, 10**6, 10**8))))
    return struct.pack("<II", 0x184D2A50, rng.choice((4, 2**32 - 1))) + data


# --- packs ----------------------------------------------------------------------------------------


def pack_file(rng: random.Random, data: bytes) -> bytes:
    """Change a packed run: bytes, its table of contents, entries, or what is in them."""
    pick = rng.random()
    if pick < 0.2:
        return raw(rng, data)
    if pick < 0.5:
        return _directory(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        files = {each.filename: packed.read(each) for each in packed.infolist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, content in files.items():
            _write_entry(rng, made, name, content)
    return target.getvalue()


def _directory(rng: random.Random, data: bytes) -> bytes:
    start = struct.unpack("<I", data[-6:-2])[0]
    listed = raw(rng, data[start:-22]) if rng.random() < 0.7 else data[start:-22]
    end = bytearray(data[-22:])
    if rng.random() < 0.4:
        at = rng.randrange(4, 20)
        end[at : at + 2] = struct.pack("<H", rng.choice(_NUMBERS) & 0xFFFF)
    return data[:start] + listed + bytes(end)


_NAMES = (
    "../run.json", "/etc/passwd", "run.json/", "RUN.JSON", "events/a.log", "blobs/../run.json",
    "blobs/aa/x.zst", "run.json\x00.txt", "C:\\run.json", "e\u0301vents.parquet", "driver.json",
)  # fmt: skip


def _write_entry(rng: random.Random, made: zipfile.ZipFile, name: str, content: bytes) -> None:
    if rng.random() < 0.1:
        return
    about = zipfile.ZipInfo(rng.choice(_NAMES) if rng.random() < 0.15 else name)
    if rng.random() < 0.1:
        about.external_attr = 0o120777 << 16
    if rng.random() < 0.1:
        about.compress_type = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    if rng.random() < 0.4:
        content = BY_NAME.get(name, raw)(rng, content)
    made.writestr(about, content)


def _foreign_parquet(rng: random.Random, data: bytes) -> bytes:
    return bomb(rng, data) if rng.random() < 0.04 else parquet_file(rng, data)


BY_NAME: dict[str, Mutation] = {"run.json": json_file, "events.parquet": _foreign_parquet}
