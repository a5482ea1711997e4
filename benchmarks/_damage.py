"""Damage the content of a file in one place."""

from __future__ import annotations

import random
import re

HEAD = 128
"""Length in bytes of the beginning, which gets half of the damage."""


def mutant(content: bytes, chance: random.Random) -> bytes:
    """Return a file with one damaged place."""
    end = chance.choice((min(HEAD, len(content)), len(content)))
    place = chance.randrange(end)
    damage = chance.choice((cut, flip, put_in, take_out, repeat, enlarge, spoil))
    return damage(content, place, chance)


def cut(content: bytes, place: int, chance: random.Random) -> bytes:
    """Truncate the file."""
    return content[: chance.choice((place, len(content) - chance.randint(1, 9)))]


def flip(content: bytes, place: int, chance: random.Random) -> bytes:
    """Flip a bit, or set another byte."""
    byte = chance.choice((content[place] ^ (1 << chance.randrange(8)), chance.randrange(256)))
    return content[:place] + bytes([byte]) + content[place + 1 :]


def put_in(content: bytes, place: int, chance: random.Random) -> bytes:
    """Insert a few bytes."""
    usual = (b" ", b"\n", b"0", b"\0", b"-", b".", b"\xff")
    more = chance.choice((*usual, chance.randbytes(chance.randint(1, 9))))
    return content[:place] + more + content[place:]


def take_out(content: bytes, place: int, chance: random.Random) -> bytes:
    """Remove a few bytes."""
    return content[:place] + content[place + chance.randint(1, 9) :]


def enlarge(content: bytes, place: int, chance: random.Random) -> bytes:
    """Replace a number by a huge or negative one, in digits or in binary."""
    digits = [*re.finditer(rb"\d+", content[:HEAD])]
    if digits and chance.random() < 0.5:
        found = chance.choice(digits)
        number = chance.choice((b"1000000000000", b"2147483647", b"9" * 30, b"-1", b"0"))
        return content[: found.start()] + number + content[found.end() :]
    size = chance.choice((4, 8))
    number = chance.choice(
        (-1, 0, 2**31 - 1, -(2**31), *((10**12, 2**63 - 1) if size == 8 else ()))
    )
    return content[:place] + number.to_bytes(size, "little", signed=True) + content[place + size :]


def repeat(content: bytes, place: int, chance: random.Random) -> bytes:
    """Repeat some bytes."""
    end = place + chance.choice((1, 4, 17, 200))
    return content[:place] + content[place:end] * chance.choice((2, 3, 50)) + content[end:]


def spoil(content: bytes, place: int, chance: random.Random) -> bytes:
    """Replace a number by an invalid or too large one, in digits or as a float32."""
    if found := re.compile(rb"-?\d+\.\d+").search(content, place):
        number = chance.choice((b"nan", b"1e999", b"-inf", b"1e39", b"0x10", b"1_0", b"1e", b"1,5"))
        return content[: found.start()] + number + content[found.end() :]
    place -= place % 4
    bits = chance.choice((b"\0\0\xc0\x7f", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f"))
    return content[:place] + bits + content[place + 4 :]
