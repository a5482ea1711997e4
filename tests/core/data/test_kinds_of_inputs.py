"""Transforms treat each input as its kind: colors, depth with holes, HHA, vectors, maps."""

import numpy as np
import pytest
from pluxel.core import Normalization
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.data._transforms import Builder, load_albumentations
from pluxel.core.data.augmentation import Augmentation, AugmentationError, check_transforms
from pluxel.core.data.map_inputs import change_of

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(1, 255, (32, 40, 3)).astype(np.uint8)
LABELS = RANDOM.integers(0, 4, (32, 40)).astype(np.uint8)
COLOR, DEPTH, HHA = InputSpec(), InputSpec(kind="depth"), InputSpec(kind="hha")
VECTORS, MAP = InputSpec(kind="vectors"), InputSpec(kind="map")


def transformed(transforms, specs, n=0, **inputs):
    """Return the inputs and labels after the transforms."""
    augment = Augmentation(transforms, specs=specs, fill=(10, 20, 30))
    moved, targets = augment(n, inputs, {"semantic": LABELS})
    return moved, targets["semantic"]


def sure(name, **arguments):
    return {name: {"p": 1, **arguments}}


def plane(value, dtype=np.float32, channels=1):
    return np.full((32, 40, channels), value, dtype)


class TestColors:
    JITTER = sure("ColorJitter", brightness=[1.5, 1.5], hue=[0.2, 0.2])

    def test_color_transforms_change_color_images_only(self):
        inputs = {"image": IMAGE, "depth": plane(900.0), "hha": plane(90, np.uint8, 3)}
        inputs |= {"normals": plane(200, np.uint8, 3), "infrared": plane(70, np.uint8)}
        specs = {"depth": DEPTH, "hha": HHA, "normals": VECTORS, "infrared": MAP}
        moved, labels = transformed([self.JITTER], specs, **inputs)
        assert (moved["image"] != IMAGE).any()
        assert (labels == LABELS).all()
        for name in specs:
            assert (moved[name] == inputs[name]).all()

    def test_two_color_images_change_alike(self):
        specs = {"image": COLOR, "right": COLOR}
        moved, _ = transformed([self.JITTER], specs, image=IMAGE, right=IMAGE.copy())
        assert (moved["image"] == moved["right"]).all()
        assert (moved["right"] != IMAGE).any()

    def test_a_first_input_that_is_not_a_color_image_keeps_its_values(self):
        moved, _ = transformed([self.JITTER], {"depth": DEPTH}, depth=plane(900.0))
        assert (moved["depth"] == 900).all()

    def test_an_image_of_another_name_is_an_image(self):
        moved, _ = transformed(
            [self.JITTER], {"hha": HHA, "photo": COLOR}, hha=IMAGE.copy(), photo=IMAGE
        )
        assert (moved["hha"] == IMAGE).all()
        assert (moved["photo"] != IMAGE).any()


class TestGeometry:
    @pytest.mark.parametrize(
        "transform",
        [
            sure("HorizontalFlip"),
            sure("RandomCrop", height=20, width=20),
            sure("RandomCrop", height=50, width=50, pad_if_needed=True),
            sure("RandomGridShuffle"),
        ],
    )
    @pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
    def test_exact_moves_are_identical_for_all_inputs_and_targets(self, transform, interpolation):
        index = np.arange(32 * 40, dtype=np.uint16).reshape(32, 40)
        own = Normalization(mean=(1280 / 65535,), std=(1,))
        spec = InputSpec(kind="map", interpolation=interpolation, normalization=own)
        augment = Augmentation(
            [transform], specs={"map": spec}, ignore_index={"semantic": 65535}, fill=0
        )
        image = np.repeat(index[..., None] + 1, 3, 2)
        moved, targets = augment(3, {"image": image, "map": index[..., None]}, {"semantic": index})
        outside = targets["semantic"] == 65535
        assert (moved["map"][..., 0] == np.where(outside, 1280, targets["semantic"])).all()
        assert (moved["image"][..., 0] == np.where(outside, 0, targets["semantic"] + 1)).all()

    def test_bilinear_maps_are_resized_as_images_are(self):
        resize = sure("Resize", height=64, width=50)
        specs = {"map": InputSpec(kind="map", interpolation="bilinear")}
        moved, _ = transformed([resize], specs, image=IMAGE, map=IMAGE.copy())
        assert np.abs(moved["image"].astype(int) - moved["map"]).max() <= 1
        nearest, _ = transformed([resize], {"map": MAP}, image=IMAGE, map=IMAGE.copy())
        assert np.abs(nearest["map"].astype(int) - moved["image"]).max() > 20

    @pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
    @pytest.mark.parametrize(
        "transform",
        [
            sure("Resize", height=61, width=77),
            sure("RandomScale", scale_limit=[-0.4, -0.4], area_for_downscale="image"),
            sure("Rotate", limit=[20, 20]),
            sure("Affine", scale=[0.6, 0.6]),
            sure("Perspective", scale=[0.1, 0.2]),
            sure("ElasticTransform", alpha=200, sigma=8),
            sure("CoarseDropout"),
        ],
    )
    def test_holes_and_the_outside_never_mix_with_depth(self, transform, interpolation):
        depth = plane(900.0)
        depth[8:12, 5:30] = 0
        spec = InputSpec(kind="depth", interpolation=interpolation)
        moved, labels = transformed([transform], {"depth": spec}, image=IMAGE, depth=depth)
        values = moved["depth"][..., 0]
        assert np.abs(values[values != 0] - 900).max() < 0.01
        assert (values == 0).any()
        assert (values[labels == 255] == 0).all()

    def test_dropout_before_a_rotation_does_not_leak_into_a_smooth_map(self):
        transforms = [sure("CoarseDropout"), sure("Rotate", limit=[30, 30])]
        moved, _ = transformed(transforms, {"hha": HHA}, image=IMAGE, hha=plane(200, np.uint8, 3))
        for channel, mean in enumerate((132, 94, 118)):
            assert set(np.unique(moved["hha"][..., channel])) == {mean, 200}

    def test_the_outside_of_each_kind_is_neutral(self):
        pad = sure("PadIfNeeded", min_height=40, min_width=40, position="top_left")
        specs = {"depth": DEPTH, "hha": HHA, "normals": VECTORS, "map": MAP}
        signed = InputSpec(kind="vectors", scale=1)
        moved, labels = transformed(
            [pad],
            specs | {"signed": signed},
            image=IMAGE,
            depth=plane(900.0),
            hha=plane(9, np.uint8, 3),
            normals=plane(9, np.uint8, 3),
            map=plane(9, np.uint8),
            signed=plane(0.3, channels=3),
        )
        outside = labels == 255
        assert outside.sum() == 8 * 40
        assert (moved["depth"][outside] == 0).all()
        assert (moved["hha"][outside] == [132, 94, 118]).all()
        assert (moved["normals"][outside] == 128).all()
        assert (moved["map"][outside] == 0).all()
        assert (moved["signed"][outside] == 0).all()


class TestFlips:
    def test_hha_is_mirrored_without_a_change_of_values(self):
        moved, _ = transformed([sure("HorizontalFlip")], {"hha": HHA}, image=IMAGE, hha=IMAGE)
        assert (moved["hha"] == IMAGE[:, ::-1]).all()

    @pytest.mark.parametrize(("name", "axis"), [("HorizontalFlip", 0), ("VerticalFlip", 1)])
    @pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
    def test_flips_change_the_sign_of_one_component(self, name, axis, interpolation):
        slices = (slice(None), slice(None, None, -1)) if axis == 0 else (slice(None, None, -1),)
        stored = InputSpec(kind="vectors", interpolation=interpolation)
        signed = InputSpec(kind="vectors", scale=1, interpolation=interpolation)
        real = RANDOM.uniform(-1, 1, (32, 40, 3)).astype(np.float32)
        moved, _ = transformed(
            [sure(name)], {"bytes": stored, "real": signed}, image=IMAGE, bytes=IMAGE, real=real
        )
        sign = np.array([1, 1, 1])
        sign[axis] = -1
        np.testing.assert_allclose(moved["real"], real[slices] * sign, atol=1e-6)
        wanted = (IMAGE[slices] - 127.5) * sign + 127.5
        np.testing.assert_allclose(moved["bytes"], wanted, atol=1e-4)

    def test_two_flips_cancel(self):
        flips = [sure("HorizontalFlip"), sure("HorizontalFlip")]
        moved, _ = transformed(flips, {"normals": VECTORS}, image=IMAGE, normals=IMAGE)
        assert (moved["normals"] == IMAGE).all()

    def test_nested_flips_count_too(self):
        nested = {"OneOf": {"transforms": [sure("HorizontalFlip")], "p": 1}}
        moved, _ = transformed([nested], {"normals": VECTORS}, image=IMAGE, normals=IMAGE)
        assert (moved["normals"][..., 0] == 255 - IMAGE[:, ::-1, 0]).all()


CHANGES = {
    "flip the image vertically": {"VerticalFlip"},
    "rotate the image by more than 45°": {
        *("D4", "RandomRotate90", "Rotate", "SafeRotate", "SquareSymmetry", "Transpose"),
    },
    "rotate the image": {"ShiftScaleRotate"},
    "deform the image": {
        *("ElasticTransform", "GridDistortion", "OpticalDistortion", "Perspective"),
        *("PiecewiseAffine", "ThinPlateSpline"),
    },
    None: {
        *("Affine", "CenterCrop", "CoarseDropout", "ConstrainedCoarseDropout", "Crop"),
        *("CropAndPad", "CropNonEmptyMaskIfExists", "Erasing", "FrequencyMasking", "GridDropout"),
        *("HorizontalFlip", "LongestMaxSize", "NoOp", "Pad", "PadIfNeeded", "PixelDropout"),
        *("RandomCrop", "RandomCropFromBorders", "RandomGridShuffle", "RandomResizedCrop"),
        *("RandomScale", "RandomSizedCrop", "Resize", "SmallestMaxSize", "TimeMasking"),
        *("TimeReverse", "XYMasking"),
    },
}
"""What each transform that moves pixels may do to an image with its default arguments."""

SIZE = {"height": 9, "width": 9}
ARGUMENTS = {
    "CenterCrop": SIZE,
    "ConstrainedCoarseDropout": {"mask_indices": [1]},
    "CropAndPad": {"px": 3},
    "CropNonEmptyMaskIfExists": SIZE,
    "LongestMaxSize": {"max_size": 9},
    "RandomCrop": SIZE,
    "RandomResizedCrop": {"size": [9, 9]},
    "RandomSizedCrop": {"min_max_height": [5, 9], "size": [9, 9]},
    "Resize": SIZE,
    "SmallestMaxSize": {"max_size": 9},
    "XYMasking": {"num_masks_x": 1, "mask_x_length": 3},
}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_change_of_every_transform_is_known():
    library, found = load_albumentations(), {}
    for name in Builder()._supported:
        kind = getattr(library, name)
        foreign = {"Mosaic", "OverlayElements"}
        if issubclass(kind, library.DualTransform) and name not in foreign:
            (built,) = Builder().build([{name: ARGUMENTS.get(name, {})}])
            found.setdefault(change_of(built), set()).add(name)
    assert found == CHANGES


@pytest.mark.parametrize(
    ("transform", "change"),
    [
        (sure("Rotate", limit=[-46, 10]), "rotate the image by more than 45°"),
        (sure("Rotate", limit=[-45, 10]), "rotate the image"),
        (sure("Affine", shear=[0, 5]), "shear the image"),
        (sure("Affine", scale=[0.5, 2]), None),
    ],
)
def test_arguments_decide_what_a_transform_does(transform, change):
    (built,) = Builder().build([transform])
    assert change_of(built) == change


def test_samples_of_one_training_may_differ_in_their_inputs():
    """A pipeline that was made for the inputs of one sample serves the next, with others."""
    transforms = [sure("HorizontalFlip"), sure("RandomBrightnessContrast")]
    specs = {"image": COLOR, "depth": DEPTH, "normals": VECTORS}
    depth, normals = {"depth": plane(900.0)}, {"normals": plane(200, np.uint8, 3)}
    samples = [
        {"image": IMAGE} | more
        for more in ({}, depth, normals, depth | normals, {"normals": plane(0.2, channels=3)}, {})
    ]
    one = Augmentation(transforms, specs=specs)
    for n, inputs in enumerate(samples):
        fresh = Augmentation(transforms, specs=specs)
        expected, found = (x(n, inputs, {"semantic": LABELS}) for x in (fresh, one))
        for before, after in zip(expected, found, strict=True):
            assert before.keys() == after.keys()
            assert all((before[name] == after[name]).all() for name in before)
    assert found[0]["image"].shape == IMAGE.shape


UPSIDE_DOWN = (
    "VerticalFlip may flip the image vertically, which input 'hha' does not allow: HHA describes "
    "an upright view, so its height and its angle to gravity would be wrong"
)
ROTATED = (
    "RandomRotate90 may rotate the image by more than 45°, which input 'normals' does not allow: "
    "the vectors would keep their direction although the image does not"
)


@pytest.mark.parametrize(
    ("transforms", "specs", "expected"),
    [
        (
            ["HorizontalFlip", "VerticalFlip"],
            {"image": COLOR, "hha": HHA},
            [((1,), UPSIDE_DOWN)],
        ),
        (
            [{"OneOf": {"transforms": ["RandomRotate90"]}}],
            {"normals": VECTORS},
            [((0, "OneOf", "transforms", 0), ROTATED)],
        ),
        ([sure("Rotate", limit=[-10, 10]), "VerticalFlip"], {"depth": DEPTH, "map": MAP}, []),
        ([sure("Rotate", limit=[-10, 10]), "HorizontalFlip", "ElasticTransform"], {"h": HHA}, []),
    ],
)
def test_transforms_that_make_values_wrong_are_refused(transforms, specs, expected):
    assert check_transforms(transforms, specs) == expected
    if expected:
        with pytest.raises(AugmentationError, match="does not allow"):
            Augmentation(transforms, specs=specs)


def test_averaging_labels_is_refused():
    problems = check_transforms([sure("RandomScale", area_for_downscale="image_mask")])
    assert problems == [
        (
            (0, "RandomScale", "area_for_downscale"),
            "class indices cannot be averaged: area_for_downscale must be image",
        )
    ]
