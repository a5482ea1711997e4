"""Completion in shells: what is offered, and real shells that ask for it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete, get_completion_class
from pluxel.core.cli import main
from pluxel.core.cli._main import cli
from pluxel.registry import KINDS

BIN = Path(sys.executable).parent
MINE = """\
backbone: {type: timm, model: resnet18}
decoder: fcn8s
loss: dice
dataset: shapes
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and a run."""
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "longer.yaml").write_text("base: mine.yaml\ntraining: {steps: 9}\n")
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "first" / "config.yaml").write_text(MINE)
    (tmp_path / "split.yaml").write_text(MINE + "splits: {train: a, val: b, night: c}\n")
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str) -> list[str]:
    """Return what is offered for the last word of a command line."""
    *words, incomplete = line.split(" ")
    shell = ShellComplete(cli, {}, "pluxel", "_PLUXEL_COMPLETE")
    return [one.value for one in shell.get_completions(words[1:], incomplete)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pluxel tra", ["train"]),
        ("pluxel plugins why ", [*KINDS]),
        ("pluxel plugins why loss di", ["dice"]),
        ("pluxel plugins why loss pluxel/di", ["pluxel/dice"]),
        ("pluxel plugins list --kind dec", ["decoder"]),
        ("pluxel new los", ["loss"]),
        ("pluxel plugins test plux", ["pluxel"]),
        ("pluxel data prepare vo", ["voc", "voc_sbd"]),
        ("pluxel similar --embedding wo", ["word2vec"]),
        ("pluxel labels align cam", ["camvid"]),
        ("pluxel train m", ["mine.yaml"]),
        ("pluxel train camvid_fcn8s_v", ["camvid_fcn8s_vgg16"]),
        ("pluxel train ./", ["./longer.yaml", "./mine.yaml", "./runs/", "./split.yaml"]),
        ("pluxel evaluate r", ["runs/first"]),
        ("pluxel predict runs/", ["runs/first"]),
        ("pluxel app runs/", ["runs/first"]),
        ("pluxel describe runs/f", ["runs/first/", "runs/first"]),
        ("pluxel train mine.yaml decoder.ty", ["decoder.type="]),
        ("pluxel train mine.yaml decoder.type=fcn8", ["decoder.type=fcn8s"]),
        ("pluxel train mine.yaml decoder=fcn8", ["decoder=fcn8s"]),
        ("pluxel train mine.yaml --set loss.sm", ["loss.smooth="]),
        ("pluxel evaluate runs/first --set loss.sm", ["loss.smooth="]),
        ("pluxel train longer.yaml loss.sm", ["loss.smooth="]),
        ("pluxel train mine.yaml loss.ga", []),
        ("pluxel train mine.yaml loss=focal loss.ga", ["loss.gamma="]),
        ("pluxel train mine.yaml training.precision=b", ["training.precision=bf16"]),
        ("pluxel train mine.yaml deterministic=", ["deterministic=true", "deterministic=false"]),
        ("pluxel train mine.yaml training.opt", ["training.optimizer=", "training.optimizer."]),
        ("pluxel train mine.yaml training.optimizer.type=s", ["training.optimizer.type=sgd"]),
        (
            "pluxel train siftflow_heavy_fcn32s_vgg16 heads.",
            ["heads.semantic.", "heads.geometric."],
        ),
        (
            "pluxel train siftflow_heavy_fcn32s_vgg16 heads.semantic.decoder.dr",
            ["heads.semantic.decoder.dropout="],
        ),
        ("pluxel similar --embedding glove --set embedding.do", ["embedding.download="]),
        ("pluxel similar --embedding glove --set di", ["dim="]),
        ("pluxel similar --embedding glove --set embedding.di", ["embedding.dim="]),
        ("pluxel similar --set index=faiss_h", ["index=faiss_hnsw"]),
        ("pluxel similar --set embedding=word2", ["embedding=word2vec"]),
        ("pluxel similar --index ex", ["exact"]),
        ("pluxel evaluate runs/first --device c", ["cpu", "cuda"]),
        ("pluxel evaluate runs/first --split ", ["train", "val"]),
        ("pluxel benchmark upper-bound split.yaml --split ", ["train", "val", "night"]),
        ("pluxel predict runs/first --save co", ["color"]),
        ("pluxel predict runs/first --save index,ov", ["index,overlay"]),
        ("pluxel predict runs/first --save index,in", []),
        ("pluxel predict runs/first --tile ", ["auto", "off"]),
        ("pluxel matrix --decoders fcn8", ["fcn8s"]),
        ("pluxel matrix --decoders al", ["all"]),
        ("pluxel matrix --backbones ti", ["timm"]),
        ("pluxel --deny-plugin plux", ["pluxel"]),
        ("pluxel plugins test --check ignored", ["ignored_pixels"]),
        ("pluxel plugins test pluxel --kind loss --check class_p", ["class_permutation"]),
        ("pluxel plugins test pluxel --parameter loss/di", ["loss/dice."]),
        ("pluxel plugins test pluxel --parameter loss/dice.sm", ["loss/dice.smooth="]),
        (
            "pluxel plugins test pluxel --expected-failure decoder/fcn8s.exp",
            ["decoder/fcn8s.export="],
        ),
        ("pluxel train nothing_like_this decoder.ty", []),
        ("pluxel train mine.yaml nothing.ty", []),
        ("pluxel plugins why nothing x", []),
    ],
)
def test_what_is_offered(here: Path, line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_all_parameters_and_no_others(here: Path) -> None:
    keys = offered("pluxel train mine.yaml decoder.")
    assert {"decoder.type=", "decoder.dropout=", "decoder.skip_scales="} <= {*keys}
    assert "decoder.factor=" not in keys
    sections = offered("pluxel train mine.yaml ")
    assert {"decoder=", "decoder.", "training.", "seed="} <= {*sections}
    assert not {"base=", "pluxel."} & {*sections}


SHARP = """\
from typing import Literal

from pluxel.registry import Component, hookimpl

class Sharp:
    def __init__(self, *, weight: float = 1.0, mode: Literal["soft", "hard"] = "soft"):
        raise AssertionError("completion builds nothing")

@hookimpl
def pluxel_losses():
    return [Component("sharp", "mine:Sharp", "A sharp loss.")]
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pluxel --plugin mine.py train mine.yaml loss=sh", ["loss=sharp"]),
        ("pluxel --plugin mine.py train mine.yaml loss=sharp loss.w", ["loss.weight="]),
        ("pluxel --plugin mine.py train mine.yaml loss=mine.py/sharp loss.w", ["loss.weight="]),
        (
            "pluxel --plugin mine.py train mine.yaml loss=sharp loss.mode=",
            ["loss.mode=soft", "loss.mode=hard"],
        ),
        ("pluxel plugins test mine.py --parameter ", ["loss/sharp."]),
        ("pluxel plugins test mine.py --parameter loss/sharp.m", ["loss/sharp.mode="]),
        (
            "pluxel plugins test mine.py --parameter loss/sharp.mode=h",
            ["loss/sharp.mode=hard"],
        ),
        ("pluxel plugins test mine.py --check stray", ["stray_labels"]),
        ("pluxel plugins test mine.py --check exp", []),
    ],
)
@pytest.mark.usefixtures("site")
def test_component_of_a_file(here: Path, line: str, expected: list[str]) -> None:
    (here / "mine.py").write_text(SHARP)
    assert offered(line) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["acme_a", "acme_b"]),
        ("--no-plugins ", []),
        ("--deny-plugin acme-a ", ["acme_b"]),
        ("--allow-plugin acme-a ", ["acme_a"]),
        ("--no-plugins --allow-plugin acme-a ", []),
    ],
)
@pytest.mark.usefixtures("two_plugins")
def test_excluded_plugins_are_not_loaded(here: Path, options: str, expected: list[str]) -> None:
    assert offered(f"pluxel {options}plugins why loss acme") == expected
    loaded = [name for name in ("acme_a", "acme_b") if (here / f"{name}.loaded").exists()]
    assert loaded == expected


@pytest.mark.parametrize("option", ["--deny-plugin", "--allow-plugin"])
@pytest.mark.usefixtures("two_plugins")
def test_installed_plugins_are_offered_without_loading_them(here: Path, option: str) -> None:
    assert offered(f"pluxel {option} acme") == ["acme-a", "acme-b"]
    assert not [*here.glob("*.loaded")]


@pytest.fixture
def two_plugins(site: Any, here: Path) -> None:
    """Two installed plugins, each with a loss, that write a file when they load."""
    for name in ("acme-a", "acme-b"):
        module = name.replace("-", "_")
        site.install(
            name,
            f"""\
            from pathlib import Path
            from pluxel.registry import Component, hookimpl

            Path("{module}.loaded").touch()

            @hookimpl
            def pluxel_losses():
                return [Component("{module}", "{module}:X", "A loss.")]
            """,
        )


FREE = {
    "app --host": "an address",
    "app --allow-host": "a name of a host",
    "data prepare --split": "parts of splits, which only the data know",
    "describe --size": "pixels",
    "verify dense --size": "pixels",
    "import smp --encoder": "names of another library",
    "import smp --argument": "names and values of another library",
    "matrix --models": "patterns",
    "similar words": "words",
    "similar --exclude": "words",
    "analogy words": "words",
    "analogy --exclude": "words",
    "embeddings plot words": "words",
    "new name": "a new name",
    "new --author": "a name",
}
"""Values that nothing can complete -> what they are."""


def test_every_value_with_known_words_is_completed() -> None:
    uncompleted = {
        " ".join([*path, parameter.opts[0]])
        for path, command in commands(cli)
        for parameter in command.params
        if parameter._custom_shell_complete is None
        and not isinstance(parameter.type, NAMED_BY_THE_SHELL)
    }
    assert uncompleted == FREE.keys()


NAMED_BY_THE_SHELL = (click.Path, click.Choice, click.types.BoolParamType)
NAMED_BY_THE_SHELL += (click.IntRange, click.FloatRange, type(click.INT))


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands with their words after ``pluxel``."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from commands(found, (*path, name))


def test_summaries_are_shown_beside_names(here: Path) -> None:
    shell = ShellComplete(cli, {}, "pluxel", "_PLUXEL_COMPLETE")
    (one,) = shell.get_completions(["plugins", "why", "loss"], "dice")
    assert one.help == "Soft Dice overlap of each class (Milletari, Navab & Ahmadi 2016)."


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["completion", shell])
    assert not left.value.code
    script = capsys.readouterr().out
    assert f"_PLUXEL_COMPLETE={shell}_complete" in script
    assert ("compadd -U -S ''" in script) is (shell == "zsh")
    assert get_completion_class(shell)


SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--private"],
}
INSTALLED = [shell for shell in SHELLS if shutil.which(shell)]


def test_bash_is_installed() -> None:
    assert "bash" in INSTALLED


def type_with_tab(shell: str, setup: str, typed: str) -> str:
    """Return what a line has become in an interactive shell after a tab.

    Ctrl-A moves to the start of the line, where the text of a command that prints the rest is
    inserted.
    """
    program, terminal = pty.fork()
    if program == 0:
        os.environ |= {"PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb", "PS1": ""}
        os.execvp(SHELLS[shell][0], SHELLS[shell])
    try:
        send(terminal, f"{setup}; echo re''ady\n")
        read_until(terminal, "ready")
        # The shell completes before it reads on. It prints < and >, which are not typed.
        send(terminal, f"{typed}\t\x01printf '\\074\\074%s\\076\\076' '\x05'\n")
        written = read_until(terminal, ">>")
    finally:
        os.kill(program, signal.SIGKILL)
        os.waitpid(program, 0)
        os.close(terminal)
    return written.rpartition("<<")[2].partition(">>")[0]


def send(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def read_until(terminal: int, text: str) -> str:
    """Read until a text appears."""
    read = ""
    while text not in read:
        ready, _, _ = select.select([terminal], [], [], 60.0)
        assert ready, f"{text!r} did not appear in {read!r}"
        read += os.read(terminal, 4096).decode(errors="replace")
    return read


@pytest.mark.slow
@pytest.mark.parametrize("shell", INSTALLED)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("pluxel plugins why loss loz", None),
        ("pluxel plugins why loss lov", "pluxel plugins why loss lovasz"),
        ("pluxel train mi", "pluxel train mine.yaml"),
        ("pluxel train mine.yaml decoder.ty", "pluxel train mine.yaml decoder.type="),
        (
            "pluxel train mine.yaml training.precision=b",
            "pluxel train mine.yaml training.precision=bf16",
        ),
        ("pluxel evaluate runs/fi", "pluxel evaluate runs/first"),
    ],
)
def test_real_shells(here: Path, shell: str, typed: str, completed: str | None) -> None:
    """Type a line and a tab into an interactive shell, then print what the line has become."""
    setup = {
        "bash": "source <(pluxel completion bash)",
        "zsh": "autoload -U compinit; compinit -u -D; source <(pluxel completion zsh)",
        "fish": "pluxel completion fish | source",
    }[shell]
    line = type_with_tab(shell, setup, typed)
    assert line.rstrip(" ") == (completed or typed)
    if line.rstrip(" ").endswith("="):
        assert not line.endswith(" "), "a value follows"
