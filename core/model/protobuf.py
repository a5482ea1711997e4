"""Read protobuf's wire format without a schema: the fields of a message, by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; 3 and 4 are groups, which no current message has."""

_LONGEST_VARINT = 10


class NotProtobuf(ValueError):  # noqa: N818 - what the bytes are not
    """Bytes that are not a message, or only its beginning."""


class WireField(NamedTuple):
    """One field: its number, its wire type, and its value; ``content`` is empty for varints."""

    number: int
    wire: int
    value: int
    content: memoryview


def fields(message: memoryview) -> Iterator[WireField]:
    """Yield the fields of a message in their order, without copying their bytes.

    Raises: NotProtobuf for bytes that no message has, and at the end of an incomplete message.
    """
    position, nothing = 0, message[:0]
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if not number:
            raise NotProtobuf(f"a field has the number 0 at byte {position - 1}")
        if wire == VARINT:
            value, position = _varint(message, position)
            yield WireField(number, wire, value, nothing)
            continue
        if wire == BYTES:
            size, position = _varint(message, position)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise NotProtobuf(f"a field has the unknown wire type {wire}")
        if position + size > len(message):
            missing = position + size - len(message)
            raise NotProtobuf(f"{missing:,} bytes are missing at the end")
        yield WireField(number, wire, 0, message[position : position + size])
        position += size


def varints(content: memoryview) -> Iterator[int]:
    """Yield packed integers. Raises: NotProtobuf if the last one is incomplete."""
    position = 0
    while position < len(content):
        value, position = _varint(content, position)
        yield value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return an integer, and the position after it."""
    value = 0
    for index in range(_LONGEST_VARINT):
        if position + index >= len(message):
            raise NotProtobuf("an integer is incomplete at the end")
        byte = message[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise NotProtobuf(f"an integer at byte {position} has more than {_LONGEST_VARINT} bytes")
