"""The embedding that reads a file, by what the components declare."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from pluxel import plugins
from pluxel.core.embeddings import reader_of
from pluxel.registry import Component, Host, PluxelError, hookimpl

FASTTEXT = (793_712_314).to_bytes(4, "little")


class Pairs:
    suffixes = (".pairs", ".txt")

    @classmethod
    def sniff(cls, head: bytes) -> bool:
        return head.startswith(b"pairs")


class Bare:
    suffixes = (".pairs",)


class Strangers:
    """A third-party plugin with two embeddings."""

    @hookimpl
    def pluxel_embeddings(self) -> list[Component]:
        here = "strangers_of_this_test:"
        return [
            Component("pairs", here + "Pairs", summary="Pairs."),
            Component("bare", here + "Bare", summary="Bare."),
            Component("broken", "no_such_module:X", summary="Broken."),
        ]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    module = ModuleType("strangers_of_this_test")
    vars(module).update(Pairs=Pairs, Bare=Bare)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Host(plugins={"pluxel": plugins, "strangers": Strangers()})


@pytest.mark.parametrize(
    ("name", "head", "reader"),
    [
        ("x.vec", None, "pluxel/word2vec"),
        ("x.zip", None, "pluxel/glove"),
        ("x.ftz", None, "pluxel/fasttext"),
        ("x.safetensors", None, "pluxel/table"),
        ("x.bin", FASTTEXT + b"\x0c\0\0\0", "pluxel/fasttext"),
        ("x.bin", b"400000 50\nthe \x01", "pluxel/word2vec"),
        ("x.pairs", b"pairs of words", "strangers/pairs"),
        ("x.txt", b"pairs of words", "strangers/pairs"),
        ("x.pairs", b"the 0.1 0.2", "strangers/bare"),
        ("x.txt", b"the 0.1 0.2", "pluxel/glove"),
    ],
)
def test_the_reader(host: Host, tmp_path: Path, name: str, head: bytes | None, reader: str) -> None:
    if head is not None:
        (tmp_path / name).write_bytes(head)
    assert reader_of(host, tmp_path / name).qualified == reader


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "x.dat",
            "'x.dat': unsupported file suffix; supported: .bin, .bz2, .ftz, .gz, "
            ".npy, .pairs, .pt, .safetensors, .txt, .vec, .xz, .zip",
        ),
        (
            "x.bin",
            "'x.bin': none of the embeddings pluxel/fasttext, pluxel/word2vec recognizes it",
        ),
        ("none.bin", "cannot read none.bin: No such file or directory"),
    ],
)
def test_no_reader(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.bin").write_bytes(b"\0\1\2")
    with pytest.raises(PluxelError) as caught:
        reader_of(host, Path(name))
    assert caught.value.message == message


def test_two_readers(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bare, "sniff", lambda head: True, raising=False)
    (tmp_path / "x.pairs").write_text("pairs")
    with pytest.raises(PluxelError, match="more than one of the embeddings .* recognizes it"):
        reader_of(host, tmp_path / "x.pairs")
