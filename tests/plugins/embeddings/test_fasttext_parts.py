"""Subwords equal fastText's definition."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.plugins.embeddings._fasttext_parts import Parts


@settings(max_examples=200)
@given(
    words=st.lists(st.binary(max_size=9).filter(lambda word: b"\0" not in word), max_size=5),
    minn=st.integers(0, 4),
    more=st.integers(0, 3),
    bucket=st.integers(1, 50),
)
def test_subwords_follow_the_definition(
    words: list[bytes], minn: int, more: int, bucket: int
) -> None:
    found = Parts(minn, minn + more, bucket).of(words)
    pairs = sorted(zip(found.word.tolist(), found.row.tolist(), strict=True))
    expected = [
        (i, row)
        for i, word in enumerate(words)
        for row in definition(word, minn, minn + more, bucket)
    ]
    assert pairs == sorted(expected)


def definition(word: bytes, minn: int, maxn: int, bucket: int) -> list[int]:
    """Return the subword rows of a word, character by character (fastText's dictionary.cc)."""
    if word == b"</s>":
        return []
    whole = b"<" + word + b">"
    starts = [i for i, byte in enumerate(whole) if byte & 0xC0 != 0x80]
    ends = [*starts[1:], len(whole)]
    rows = []
    for first, start in enumerate(starts):
        for size in range(max(minn, 1), maxn + 1):
            if first + size > len(starts):
                break
            end = ends[first + size - 1]
            if size == 1 and (start == 0 or end == len(whole)):
                continue
            value = 2_166_136_261
            for byte in whole[start:end]:
                signed = byte if byte < 0x80 else byte | 0xFFFFFF00
                value = ((value ^ signed) * 16_777_619) & 0xFFFFFFFF
            rows.append(value % bucket)
    return rows
