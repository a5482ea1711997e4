"""``pluxel plugins list | why | doctor``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from pluxel.registry import KINDS

ACME = """
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_decoders():
    return [
        Component("wnet", "acme_nets:UNet", "U-Net decoder.", aliases=("u_net",), extra="fast"),
        Component("fcn8s", "acme_nets:FCN", "Another FCN [sic]."),
    ]
"""
METRICS = (
    "boundary_f1",
    "boundary_iou",
    "calibration",
    "dice",
    "per_image",
    "precision",
    "recall",
)
HEALTHY = """
class UNet:
    def __init__(self, features, num_classes, *, width: int = 8): ...

class FCN:
    def __init__(self, features, *, dropout: float = 0.5): ...
"""


@pytest.fixture
def acme(site: Any) -> Any:
    """Install a third-party plugin."""
    site.install("acme-seg", ACME, version="1.2")
    site.module("acme_nets", HEALTHY)
    return site


class TestList:
    def test_json_is_a_list_of_objects(self, command: Any, acme: Any) -> None:
        code, out, err = command("plugins", "list", "--json")
        assert (code, err) == (0, "")
        records = json.loads(out)
        assert {record["kind"] for record in records} <= set(KINDS)
        (wnet,) = (record for record in records if record["name"] == "wnet")
        assert wnet == {
            "kind": "decoder",
            "name": "wnet",
            "provider": "acme-seg",
            "summary": "U-Net decoder.",
            "qualified": "acme-seg/wnet",
            "version": "1.2",
            "target": "acme_nets:UNet",
            "aliases": ["u_net"],
            "renamed_from": [],
            "extra": "fast",
        }

    def test_built_in_components(self, command: Any) -> None:
        records = json.loads(command("--no-plugins", "plugins", "list", "--json")[1])
        names = {(record["kind"], record["name"]) for record in records}
        networks = {"timm", "vit_pyramid", "alexnet", "caffenet", "googlenet", "bvlc_googlenet"}
        vgg = {f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")}
        assert names == {
            *(("backbone", name) for name in networks | vgg),
            *(("decoder", name) for name in ("fcn32s", "fcn16s", "fcn8s", "fcn4s", "fcn2s")),
            *(("decoder", name) for name in ("atrous", "shift_and_stitch", "semantic_projection")),
            *(("decoder", name) for name in ("unet", "unetplusplus", "linknet", "fpn", "upernet")),
            *(("decoder", name) for name in ("pspnet", "deeplabv3", "deeplabv3plus", "segformer")),
            *(("decoder", name) for name in ("dpt", "linear", "fcn_head")),
            *(("embedding", name) for name in ("glove", "fasttext", "word2vec", "table")),
            *(("metric", name) for name in METRICS),
            *(("tracker", name) for name in ("csv", "tensorboard", "wandb", "mlflow", "trackio")),
            ("loss", "cross_entropy"),
            ("loss", "focal"),
            *(("loss", name) for name in ("tversky", "focal_tversky", "mcc", "ohem", "cldice")),
            ("loss", "dice"),
            ("loss", "jaccard"),
            ("loss", "lovasz"),
            ("loss", "weighted_sum"),
            ("loss", "semantic"),
            *(("dataset", name) for name in ("camvid", "voc", "folder", "shapes", "concat")),
            *(("dataset", name) for name in ("sbd", "voc_sbd", "nyudv2", "siftflow")),
            *(("dataset", name) for name in ("pascal_context", "cityscapes", "ade20k")),
            *(("dataset", name) for name in ("coco_stuff", "oxford_pets", "loveda")),
            *(("dataset", name) for name in ("mapillary_vistas", "masked")),
        }

    def test_prints_lines_without_a_terminal(self, command: Any, acme: Any) -> None:
        code, out, _ = command("plugins", "list", "--kind", "decoder")
        assert code == 0
        assert ["decoder", "wnet", "acme-seg", "U-Net decoder."] in cells(out)
        assert ["decoder", "fcn8s", "acme-seg", "Another FCN [sic]."] in cells(out)
        assert "backbone" not in out

    def test_prints_a_table_on_a_terminal(self, acme: Any) -> None:
        import pty  # noqa: PLC0415 - not on every system

        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "pluxel", "plugins", "list"]
        env = {**acme.env, "COLUMNS": "120", "TERM": "xterm"}
        subprocess.run(command, env=env, stdout=theirs, check=True)
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
        assert "─" in shown.decode()
        assert "Another FCN [sic]." in shown.decode()

    def test_broken_plugin_is_reported_and_others_are_listed(self, command: Any, acme: Any) -> None:
        acme.install("broken-seg", "import torchh")
        text = (
            "plugin broken-seg (ModuleNotFoundError: No module named 'torchh') failed to load: "
            "run pluxel plugins doctor for details\n"
        )
        code, out, err = command("plugins", "list")
        assert (code, err) == (0, "")
        assert out.endswith(text)
        assert "acme-seg" in out
        code, out, err = command("plugins", "list", "--json")
        assert (code, err) == (0, text)
        assert len(json.loads(out)) > 20

    def test_an_unknown_kind(self, command: Any) -> None:
        error = "unknown kind 'decoders'. Did you mean 'decoder'?\n"
        assert command("plugins", "list", "--kind", "decoders") == (2, "", error)

    def test_deny(self, command: Any, acme: Any) -> None:
        _, out, _ = command("--deny-plugin", "acme-seg", "plugins", "list")
        assert "acme-seg" not in out
        assert "acme_seg" not in sys.modules

    def test_no_plugins(self, command: Any, acme: Any) -> None:
        code, out, _ = command("--no-plugins", "plugins", "list")
        assert (code, "acme-seg" in out, "pluxel" in out) == (0, False, True)
        assert "acme_seg" not in sys.modules
        code, _, err = command("--no-plugins", "--allow-plugin", "acme-seg", "plugins", "list")
        assert code == 2
        assert "--no-plugins excludes what --allow-plugin permits: give only one." in err

    def test_a_misspelled_deny(self, command: Any, acme: Any) -> None:
        code, _, err = command("--deny-plugin", "acme-sge", "plugins", "list")
        assert code == 2
        assert err.endswith("Did you mean 'acme-seg'?\n")

    def test_a_plugin_file(self, command: Any, acme: Any) -> None:
        path = acme.folder / "my_head.py"
        path.write_text(ACME.replace("acme_nets", "my_head") + HEALTHY)
        _, out, _ = command("--plugin", str(path), "plugins", "list")
        assert ["decoder", "wnet", "my_head.py", "U-Net decoder."] in cells(out)


def cells(lines: str) -> list[list[str]]:
    """Return the columns of each line."""
    return [re.split(r" {2,}", line) for line in lines.splitlines()]


def _read(terminal: int) -> bytes:
    """Read from a terminal; Linux reports its end as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


class TestWhy:
    def test_origin_of_a_name(self, command: Any, acme: Any) -> None:
        code, out, err = command("plugins", "why", "decoder", "u_net")
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[:-1] == [
            "decoder acme-seg/wnet: U-Net decoder.",
            "  target        acme_nets:UNet",
            "  provider      acme-seg 1.2",
            "  entry point   main = acme_seg",
            f"  file          {acme.folder / 'acme_seg.py'}",
            "  aliases       u_net",
            "  extra         fast",
            "  parameters",
            "    width: int, default 8",
        ]
        assert lines[-1].startswith("searched: acme-seg 1.2, pluxel ")

    def test_parameters_of_a_built_in_component(self, command: Any) -> None:
        code, out, _ = command("plugins", "why", "loss", "dice")
        assert code == 0
        assert out.splitlines()[-4:-1] == [
            "  parameters",
            "    smooth: float ≥ 0, default 1.0. pixels added to numerator and denominator.",
            "    classes: present | all, default present. average over the classes `present` in "
            "the labels of the batch, or over `all`.",
        ]
        _, out, _ = command("plugins", "why", "dataset", "concat")
        assert "    datasets: non-empty mapping of text to a dataset, required" in out

    def test_all_former_names_of_a_parameter(self, command: Any, acme: Any) -> None:
        (acme.folder / "acme_nets.py").write_text(
            "from typing import Annotated\n"
            "from pluxel.core.authoring import RenamedFrom\n"
            "class UNet:\n"
            "    def __init__(\n"
            "        self,\n"
            "        *,\n"
            '        width: Annotated[int, RenamedFrom("size", "w")] = 8,\n'
            '        colors: Annotated[dict[str, str], RenamedFrom("hue")] = {"#ff0000": "road"},\n'
            "    ): ...\n"
        )
        code, out, _ = command("plugins", "why", "decoder", "wnet")
        assert code == 0
        assert out.splitlines()[-3:-1] == [
            "    width: int, default 8, formerly size and w",
            '    colors: mapping of text to text, default {"#ff0000": road}, formerly hue',
        ]

    def test_an_unknown_name(self, command: Any, acme: Any) -> None:
        acme.install("broken-seg", "import torchh")
        code, out, err = command("--deny-plugin", "acme-seg", "plugins", "why", "decoder", "fcn8")
        assert code == 2
        failed = "plugin broken-seg (ModuleNotFoundError: No module named 'torchh') failed to load"
        excluded = "excluded (--deny-plugin or PLUXEL_PLUGINS)"
        assert err == (
            "unknown decoder 'fcn8'. Did you mean 'fcn8s'?\n"
            f"  note: {failed} and may provide it\n  "
            f"note: plugin acme-seg may provide it, but is {excluded}\n"
        )
        searched, *others = out.splitlines()
        assert searched.startswith("searched: pluxel ")
        assert others == [f"plugin acme-seg is {excluded}", failed]

    def test_ambiguous_name_lists_every_owner(self, command: Any, acme: Any) -> None:
        code, out, err = command("plugins", "why", "decoder", "fcn8s")
        assert code == 2
        assert "decoder acme-seg/fcn8s: Another FCN [sic].\n" in out
        assert "decoder pluxel/fcn8s: FCN-8s" in out
        assert err == (
            "decoder 'fcn8s' is offered by 2 plugins. Write 'acme-seg/fcn8s' or 'pluxel/fcn8s'\n"
        )

    def test_qualified_name_reports_namesakes(self, command: Any, acme: Any) -> None:
        code, out, _ = command("plugins", "why", "decoder", "acme-seg/fcn8s")
        assert code == 0
        assert out.endswith("'fcn8s' alone is ambiguous: pluxel/fcn8s also has this name\n")

    def test_an_unknown_kind(self, command: Any) -> None:
        code, _, err = command("plugins", "why", "lss", "dice")
        assert (code, err) == (2, "unknown kind 'lss'. Did you mean 'loss'?\n")


class TestDoctor:
    """Test only third-party plugins, since importing all built-in ones is slow."""

    def run(self, command: Any) -> tuple[object, str, str]:
        return command("--deny-plugin", "pluxel", "plugins", "doctor")

    def test_healthy_plugins(self, command: Any, acme: Any) -> None:
        code, out, err = self.run(command)
        assert (code, err) == (0, "")
        assert "ok      decoder acme-seg/wnet\n" in out
        assert out.endswith("nothing is broken\n")
        assert "acme_nets" in sys.modules

    def test_a_plugin_that_fails_to_load(self, command: Any, acme: Any) -> None:
        acme.install("broken-seg", "1 / 0")
        code, out, _ = self.run(command)
        assert code == 1
        assert re.search(
            r"^FAILED  broken-seg: ZeroDivisionError: division by zero\n"
            r"Traceback .*\n  File .*broken_seg.py\", line 1, in <module>\n    1 / 0\n",
            out,
            re.MULTILINE,
        )
        assert "ok      decoder acme-seg/wnet\n" in out
        assert out.endswith("\n1 broken\n")

    def test_a_missing_package_is_one_line_and_not_broken(self, command: Any, acme: Any) -> None:
        acme.module("acme_nets", "import torchh")
        code, out, _ = self.run(command)
        missing = "needs the module 'torchh', which is not installed"
        assert (code, out.splitlines()[:2]) == (
            0,
            [
                f"absent  decoder acme-seg/fcn8s {missing}",
                f"absent  decoder acme-seg/wnet {missing}: pip install 'acme-seg[fast]'",
            ],
        )
        assert out.endswith("\nnothing is broken, 2 need packages that are not installed\n")

    def test_messages_of_several_lines(self, command: Any, acme: Any) -> None:
        acme.install("broken-seg", "raise ValueError('these are wrong:\\n  a\\n  b')")
        acme.module("acme_nets", "raise ValueError('those are wrong:\\n  c\\n  d')")
        _, out, _ = self.run(command)
        lines = [line for line in out.splitlines() if line.startswith("FAILED")]
        assert lines == [
            "FAILED  broken-seg: ValueError: these are wrong",
            "FAILED  decoder acme-seg/fcn8s cannot be imported (ValueError: those are wrong)",
            "FAILED  decoder acme-seg/wnet cannot be imported (ValueError: those are wrong)",
        ]
        assert "ValueError: these are wrong:\n  a\n  b\n" in out  # at the end of the traceback
        assert "ValueError: those are wrong:\n  c\n  d\n" in out

    @pytest.mark.parametrize(
        ("nets", "problem"),
        [
            ("def UNet(): ...", "is registered as acme_nets:UNet, but that is a function"),
            ("class Unet: ...", "is registered as acme_nets:UNet, but acme_nets has no 'UNet'"),
            (None, "is registered as acme_nets:UNet, but there is no module 'acme_nets'"),
        ],
    )
    def test_a_wrong_target_is_one_line(
        self, command: Any, acme: Any, nets: str | None, problem: str
    ) -> None:
        (acme.folder / "acme_nets.py").unlink()
        if nets:
            acme.module("acme_nets", nets)
        code, out, _ = self.run(command)
        assert code == 1
        assert f"FAILED  decoder acme-seg/wnet {problem}" in out
        assert "Traceback" not in out
        assert len(out.splitlines()) == 5, out

    def test_code_that_raises_shows_its_traceback(self, command: Any, acme: Any) -> None:
        acme.module("acme_nets", "1 / 0")
        code, out, _ = self.run(command)
        assert code == 1
        cannot = "cannot be imported (ZeroDivisionError: division by zero)"
        assert f"FAILED  decoder acme-seg/wnet {cannot}\nTraceback" in out
        assert "    1 / 0\n" in out
        assert "registry" not in out
        assert out.endswith("\n2 broken\n")

    def test_near_miss_member_is_a_warning(self, command: Any, acme: Any) -> None:
        acme.module("acme_nets", f"{HEALTHY}\n    def adopt_state(self, state): ...\n")
        code, out, _ = self.run(command)
        assert code == 0
        assert (
            "warning decoder acme-seg/fcn8s\n"
            "        'adopt_state' is not in the contract of a decoder. "
            "Did you mean 'adapt_state'?\n"
        ) in out
        assert out.endswith("\nnothing is broken, 1 with warnings\n")

    @pytest.mark.parametrize(
        "signature", ["self, feature", "self, *args", "self, **kwargs", "self, *, width"]
    )
    def test_a_signature_that_breaks_the_convention(
        self, command: Any, acme: Any, signature: str
    ) -> None:
        broken = HEALTHY.replace("self, features, num_classes, *, width: int = 8", signature)
        acme.module("acme_nets", broken)
        code, out, _ = self.run(command)
        assert code == 1
        problem = "decoder 'wnet' of plugin acme-seg cannot be used: "
        assert f"FAILED  {problem}" in out
        assert "ok      decoder acme-seg/fcn8s\n" in out
        assert out.endswith("1 broken\n")


@pytest.mark.slow
def test_built_in_components_are_healthy() -> None:
    command = [sys.executable, "-m", "pluxel", "--no-plugins"]
    shown = subprocess.run(
        [*command, "plugins", "doctor"], check=False, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stdout
    assert "FAILED" not in shown.stdout
