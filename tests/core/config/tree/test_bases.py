"""``base:``, configuration files, and their names in errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pluxel.core import load_config
from pluxel.core.config.tree.files import shipped
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Host, PluxelError


def complaint(path: str | Path, host: Host, *overrides: str) -> str:
    with pytest.raises(PluxelError) as caught:
        load_config(path, overrides, host=host)
    return str(caught.value)


def test_a_file_overrides_its_base(write: Any, load: Any, small: str) -> None:
    write("sub/low.yaml", small + "seed: 1\ntraining: {batch_size: 2, workers: 1}\n")
    write("sub/mid.yaml", "base: low.yaml\nseed: 2\n")
    config = load("base: sub/mid.yaml\ntraining: {batch_size: 8}\n")
    assert config.pipeline.seed == 2
    assert config.pipeline.training.batch_size == 8
    assert config.pipeline.training.workers == 1
    assert config.origin("training", "batch_size") == "x.yaml:2:24"
    assert config.origin("training", "workers") == "sub/low.yaml:7:36"
    assert config.origin("seed") == "sub/mid.yaml:2:7"


def test_the_last_base_overrides_earlier_ones(write: Any, load: Any, small: str) -> None:
    write("low.yaml", small + "seed: 1\ndevice: cpu\n")
    write("high.yaml", "seed: 2\n")
    config = load("base: [low.yaml, high.yaml]\n")
    assert (config.pipeline.seed, config.pipeline.device) == (2, "cpu")


def test_a_shared_base_is_read_once(write: Any, load: Any, small: str) -> None:
    write("root.yaml", small + "seed: 1\nseed: 1\n")
    write("a.yaml", "base: root.yaml\n")
    write("b.yaml", "base: root.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load("base: [a.yaml, b.yaml]\n")
    assert str(caught.value) == ("root.yaml:7:1: key 'seed' is given twice: first at root.yaml:6:1")


@pytest.mark.parametrize("empty", ["base:\n", "base: []\n", "base: null\n"])
def test_an_empty_base_is_allowed(load: Any, small: str, empty: str) -> None:
    assert load(empty + small).pipeline.seed == 0


def test_either_form_may_be_based_on_the_other(write: Any, load: Any, small: str) -> None:
    write("short.yaml", small)
    config = load("base: short.yaml\nheads: {semantic: {weight: 2}}\n")
    assert config.pipeline.heads["semantic"].weight == 2
    write("long.yaml", "base: short.yaml\nheads: {semantic: {weight: 3}}\n")
    head = load("base: long.yaml\ndecoder: fcn16s\n").pipeline.heads["semantic"]
    assert (head.weight, head.decoder.component.name) == (3, "fcn16s")


def test_null_restores_the_default(write: Any, load: Any, small: str) -> None:
    write(
        "low.yaml",
        small
        + "training: {steps: 5, monitor: x, batch_size: 9}\naugment: {train: [HorizontalFlip]}\n",
    )
    config = load(
        "base: low.yaml\naugment: null\n"
        "training: {steps: null, epochs: 2, monitor: null, batch_size: ~}\n"
    )
    training = config.pipeline.training
    assert config.pipeline.augment == {}
    assert (training.steps, training.epochs, training.monitor, training.batch_size) == (
        None,
        2,
        None,
        4,
    )


def test_problems_are_ordered_by_file_child_first(
    write: Any, folder: Path, host: Host, small: str
) -> None:
    write("low.yaml", small + "sede: 1\n")
    write("x.yaml", "base: low.yaml\nseed: x\ntrainig: {}\nseed: 4\n")
    assert complaint("x.yaml", host, "seeed=1").splitlines() == [
        "x.yaml:2:7: seed: expected a whole number, not 'x'",
        "x.yaml:3:1: unknown key 'trainig'. Did you mean 'training'?",
        "x.yaml:4:1: key 'seed' is given twice: first at x.yaml:2:1",
        "low.yaml:6:1: unknown key 'sede'. Did you mean 'seed'?",
        "override 'seeed=1': unknown key 'seeed'. Did you mean 'seed'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: lwo.yaml\n", "x.yaml:1:7: there is no file 'lwo.yaml'. Did you mean 'low.yaml'?"),
        ("base: [low.yaml, 5]\n", "x.yaml:1:18: base must be a file name or a list of them"),
        ("base: {a: 1}\n", "x.yaml:1:7: base must be a file name or a list of them"),
        ("base: sub\n", "x.yaml:1:7: 'sub' is a folder, not a configuration"),
        ("base: x.yaml\n", "x.yaml:1:7: circular base: x.yaml → x.yaml"),
        (
            "base: sub/loop.yaml\n",
            "sub/loop.yaml:1:7: circular base: x.yaml → sub/loop.yaml → x.yaml",
        ),
        ("base: no/such/file.yaml\n", "x.yaml:1:7: there is no file 'no/such/file.yaml'"),
        (
            "base: sub/empty.yaml\n",
            "sub/empty.yaml:1:1: the file is empty: a configuration is a mapping of keys",
        ),
        (
            "base: sub/list.yaml\n",
            "sub/list.yaml:1:1: a configuration is a mapping of keys, not a list",
        ),
    ],
)
def test_unreadable_bases_are_reported(
    write: Any, folder: Path, host: Host, small: str, text: str, message: str
) -> None:
    write("low.yaml", small)
    write("sub/loop.yaml", "base: ../x.yaml\n")
    write("sub/empty.yaml", "# nothing\n")
    write("sub/list.yaml", "- a\n")
    write("x.yaml", text)
    assert complaint("x.yaml", host) == message


def test_invalid_files_are_reported(folder: Path, write: Any, host: Host, small: str) -> None:
    write("real.yaml", small)
    write("run/config.yaml", small)
    assert complaint("rael.yaml", host) == "there is no file 'rael.yaml'. Did you mean 'real.yaml'?"
    assert complaint("run", host) == (
        "'run' is a folder, not a configuration. Did you mean 'run/config.yaml'?"
    )
    assert complaint("camvid_fcn8s_vgg15", host) == (
        "there is no file 'camvid_fcn8s_vgg15'. Did you mean 'camvid_fcn8s_vgg16'?"
    )
    for name, content, message in [
        ("a.yaml", b"seed: 1\nx: \xff\xfe", "not UTF-8 text: byte 0xff in line 2"),
        ("b.yaml", "seed: 1".encode("utf-16"), "the text is UTF-16; save the file as UTF-8"),
        ("c.yaml", b"", "the file is empty: a configuration is a mapping of keys"),
        ("d.yaml", b"just words", "a configuration is a mapping of keys, not 'just words'"),
        ("e.yaml", b"x" * (9 << 20), "larger than 8 MiB: this is not a configuration file"),
        ("f.yaml", b"\x89PNG\r\n\x1a\n", "not UTF-8 text: byte 0x89 in line 1"),
    ]:
        (folder / name).write_bytes(content)
        assert complaint(name, host) == f"{name}:1:1: {message}"


def test_a_file_without_read_permission_is_reported(
    folder: Path, host: Host, monkeypatch: Any
) -> None:
    (folder / "x.yaml").write_text("")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert complaint("x.yaml", host) == "x.yaml:1:1: cannot be read: Permission denied"


def test_a_byte_order_mark_is_ignored(folder: Path, host: Host, small: str) -> None:
    (folder / "x.yaml").write_bytes(("\ufeffsede: 1\n" + small).encode())
    assert complaint("x.yaml", host) == "x.yaml:1:1: unknown key 'sede'. Did you mean 'seed'?"


def test_paths_are_relative_to_the_working_folder(
    write: Any, folder: Path, host: Host, monkeypatch: Any, small: str
) -> None:
    write("configs/x.yaml", small + "sede: 1\n")
    end = "/x.yaml:6:1: unknown key 'sede'. Did you mean 'seed'?"
    assert complaint("configs/x.yaml", host) == f"configs{end}"
    assert complaint(folder / "configs" / "x.yaml", host) == f"configs{end}"
    assert complaint("configs/../configs/x.yaml", host) == f"configs{end}"
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert complaint("../configs/x.yaml", host) == f"../configs{end}"


def test_a_shipped_configuration_is_found_by_name(folder: Path, write: Any, host: Host) -> None:
    """Errors about its components, which the fake plugin lacks, show that the file was found."""
    name, path = next(iter(shipped().items()))
    assert complaint(name, host).startswith(str(path))
    assert complaint(f"{name}.yaml", host).startswith(str(path))
    write("x.yaml", f"base: {name}\n")
    assert complaint("x.yaml", host).startswith(str(path))
    write(f"{name}.yaml", "sede: 1\n")  # a file takes precedence
    assert complaint(f"{name}.yaml", host).startswith(f"{name}.yaml:1:1: ")
