"""Networks with several streams or inputs that start from finished networks with fewer."""

from pathlib import Path

import pytest
import torch
from pluxel.core import Experiment, Run, load_config, prepare
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.training.check import check_training
from pluxel.registry import Host
from safetensors.torch import save_file

pytestmark = pytest.mark.slow

COMMON = """
dataset:
  type: folder
  images: photos
  masks: masks
  classes: [floor, wall]
  inputs: {depth: {folder: depth, kind: depth}, hha: {folder: hha, kind: hha}}
splits: {train: all, val: all}
training: {steps: 1, batch_size: 2}
heads: {HEAD: {target: semantic, decoder: fcn32s, loss: cross_entropy}}
"""
NETWORK = "backbone: {type: timm, model: test_resnet}"


@pytest.fixture
def network(rgbd: Path):
    """Return a function that builds a network with streams, given as name -> inputs."""

    def build(*changes: str, head: str = "semantic", seed: int = 0, **streams: str):
        lines = [f"  {name}: {{input: {inputs}, {NETWORK}}}" for name, inputs in streams.items()]
        text = "streams:\n" + "\n".join(lines) + COMMON.replace("HEAD", head)
        Path("network.yaml").write_text(text)
        config = load_config("network.yaml", [f"seed={seed}", *changes], host=Host())
        return Experiment(prepare(config), Run(Path("run")))

    return build


@pytest.fixture
def saved(network):
    """Return a function that saves the random weights of a network as a file."""

    def save(name: str, seed: int, head: str = "semantic", **streams: str):
        experiment = network(head=head, seed=seed, **streams)
        state = {k: v.contiguous() for k, v in experiment.model.state_dict().items()}
        save_file(state, f"{name}.safetensors")
        return experiment.model.eval()

    return save


def pixels(**channels: int):
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randint(1, 255, (1, n, 40, 48), generator=generator, dtype=torch.uint8)
        for name, n in channels.items()
    }


def scores(model, inputs, head="semantic"):
    with torch.no_grad():
        return model(inputs)[head].tensor


FROM_BOTH = "init_from={image: color.safetensors, hha: hha.safetensors}"


@pytest.mark.parametrize(("fusion", "factor"), [("mean", 0.5), ("sum", 1.0)])
def test_two_finished_networks_start_one_late_fusion(network, saved, fusion, factor):
    """The scores are at once the mean or the sum of those of the two networks."""
    color, hha = saved("color", 1, image="image"), saved("hha", 2, image="hha")
    late = network(FROM_BOTH, f"heads.semantic.fusion={fusion}", image="image", hha="hha", seed=3)
    late.initialize()
    inputs = pixels(image=3, hha=3)
    wanted = factor * (scores(color, inputs) + scores(hha, inputs))
    torch.testing.assert_close(scores(late.model.eval(), inputs), wanted)


def test_the_only_heads_match_and_other_streams_keep_their_start(network, saved, caplog):
    saved("hha", 2, head="parts", image="hha")
    experiment = network("init_from={hha: hha.safetensors}", image="image", hha="hha", seed=3)
    before = {k: v.clone() for k, v in experiment.model.state_dict().items()}
    with caplog.at_level("INFO", "pluxel"):
        experiment.initialize()
    assert caplog.messages[0] == "backbone of stream 'image': random weights"
    changed = {
        key
        for key, value in experiment.model.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert any(key.startswith("streams.hha.backbone") for key in changed)
    assert "heads.semantic.decoders.hha.score.weight" in before
    assert not any(key.startswith("streams.image.") or ".image." in key for key in changed)


def test_a_color_network_starts_one_that_also_reads_depth(network, saved):
    """Its first filters are kept, those of depth are their mean, and 0 depth changes nothing."""
    color = saved("color", 1, image="image")
    early = network("init_from=color.safetensors", image="[image, depth]", seed=3)
    early.initialize()
    before, after = (
        next(p for p in m.streams["image"].backbone.parameters() if p.ndim == 4)
        for m in (color, early.model)
    )
    assert torch.equal(after[:, :3], before)
    torch.testing.assert_close(after[:, 3], before.mean(1))
    inputs = pixels(image=3) | {"depth": torch.zeros(1, 1, 40, 48)}
    torch.testing.assert_close(scores(early.model.eval(), inputs), scores(color, inputs))


def test_the_configured_initialization_of_channels_is_used(network, saved):
    saved("color", 1, image="image")
    early = network(
        "init_from=color.safetensors",
        "streams.image.backbone.input_channels=zero",
        image="[image, depth]",
        seed=3,
    )
    early.initialize()
    first = next(p for p in early.model.streams["image"].backbone.parameters() if p.ndim == 4)
    assert (first[:, 3] == 0).all()
    assert (first[:, :3] != 0).any()


def test_a_stated_normalization_is_kept(network, saved):
    saved("color", 1, image="image")
    own = "streams.image.normalization={image: {mean: [0.1, 0.2, 0.3], std: [1, 1, 1]}}"
    experiment = network("init_from={image: color.safetensors}", own, image="image")
    experiment.initialize()
    mean = experiment.model.streams["image"].normalize.mean.flatten()
    assert mean.tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_stated_means_keep_the_order_and_scale_of_the_weights(network, saved):
    """As for weights of Caffe, which see blue, green and red of 0 to 255."""
    caffe = "{mean: [104, 117, 123], std: [1, 1, 1], channel_order: bgr, range: 255}"
    given = f"streams.image.backbone.normalization={caffe}"
    state = network(given, seed=1, image="image").model.state_dict()
    save_file({key: v.contiguous() for key, v in state.items()}, "caffe.safetensors")
    own = "streams.image.normalization={mean: [92, 97, 116], range: 255}"
    experiment = network("init_from=caffe.safetensors", own, image="image")
    experiment.initialize()
    found = experiment.model.streams["image"].normalize
    assert found.order.tolist() == [2, 1, 0]
    torch.testing.assert_close(255 * found.mean.flatten(), torch.tensor([116.0, 97.0, 92.0]))
    torch.testing.assert_close(255 * found.std.flatten(), torch.ones(3))


def test_a_stream_of_the_same_name_is_chosen_among_several(network, saved):
    late = saved("late", 1, image="image", hha="hha")
    experiment = network("init_from={hha: late.safetensors}", hha="hha", seed=3)
    experiment.initialize()
    inputs = pixels(image=3, hha=3)
    with torch.no_grad():
        found = experiment.model.eval().streams["hha"].prepare(inputs, None)
        maps = experiment.model.streams["hha"].backbone(found)
        torch.testing.assert_close(maps, late.streams["hha"].backbone(found))


@pytest.mark.parametrize(
    ("changes", "streams", "message"),
    [
        ("init_from={hh: late.safetensors}", {"hha": "hha"}, "unknown stream 'hh'. Did you mean"),
        (
            "init_from={color: late.safetensors}",
            {"color": "image"},
            "late.safetensors has the streams hha, image: none is called 'color', so it is not "
            "known which of them to copy",
        ),
        (
            "init_from={color: plain.safetensors}",
            {"color": "image"},
            "plain.safetensors has no streams: only weights that pluxel train or pluxel import",
        ),
    ],
)
def test_streams_that_do_not_match_are_refused(network, saved, changes, streams, message):
    saved("late", 1, image="image", hha="hha")
    save_file({"conv.weight": torch.zeros(2)}, "plain.safetensors")
    with pytest.raises(ConfigError) as raised:
        check_training(network(changes, **streams).prepared)
    assert message in str(raised.value)


def test_missing_weights_of_one_stream_are_a_note_of_the_check(network):
    experiment = network(FROM_BOTH, image="image", hha="hha")
    assert any("color.safetensors is neither" in n for n in check_training(experiment.prepared))
    with pytest.raises(ConfigError, match="color.safetensors is neither a weights file nor a run"):
        experiment.initialize()
