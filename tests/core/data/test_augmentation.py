"""Every supported transform of albumentations, and errors in lists of transforms."""

import logging

import numpy as np
import pytest
from pluxel.core.data._transforms import Builder
from pluxel.core.data.augmentation import Augmentation, AugmentationError, check_transforms

# Arguments with which a transform visibly changes a small image.
ARGUMENTS = {
    "Affine": {"rotate": [30, 30], "scale": [0.7, 0.7], "shear": [10, 10]},
    "CenterCrop": {"height": 80, "width": 90, "pad_if_needed": True},
    "ConstrainedCoarseDropout": {"mask_indices": [1, 2]},
    "Crop": {"x_min": 3, "y_min": 4, "x_max": 40, "y_max": 30},
    "CropAndPad": {"px": [-10, 30], "keep_size": False},
    "CropNonEmptyMaskIfExists": {"height": 20, "width": 30},
    "ElasticTransform": {"alpha": 300, "sigma": 10},
    "FrequencyMasking": {"freq_mask_param": 20},
    "GridDistortion": {"distort_limit": [0.3, 0.5]},
    "LongestMaxSize": {"max_size": 90},
    "OpticalDistortion": {"distort_limit": [0.5, 0.9]},
    "Pad": {"padding": [7, 9, 11, 13]},
    "PadIfNeeded": {"min_height": 100, "min_width": 110},
    "Perspective": {"scale": [0.2, 0.3], "fit_output": True},
    "PiecewiseAffine": {"scale": [0.05, 0.08]},
    "PixelDropout": {"dropout_prob": 0.3, "mask_drop_value": "ignore"},
    "RandomCrop": {"height": 90, "width": 70, "pad_if_needed": True},
    "RandomResizedCrop": {"size": [50, 60]},
    "RandomSizedCrop": {"min_max_height": [20, 40], "size": [50, 60]},
    "Resize": {"height": 33, "width": 77},
    "ShiftScaleRotate": {"rotate_limit": [30, 30], "scale_limit": [-0.4, -0.3]},
    "SmallestMaxSize": {"max_size": 90},
    "ThinPlateSpline": {"scale_range": [0.3, 0.5]},
    "TimeMasking": {"time_mask_param": 20},
    "XYMasking": {"num_masks_x": 2, "num_masks_y": 2, "mask_x_length": 9, "mask_y_length": 9},
}
INNER = {"transforms": ["HorizontalFlip", {"VerticalFlip": {"p": 0.5}}]}
CONTAINERS = dict.fromkeys(
    ["OneOf", "OneOrOther", "RandomOrder", "SelectiveChannelTransform", "Sequential", "SomeOf"],
    INNER,
)
# Transforms that read pixels outside the image, or cut holes into it.
FILLING = {
    *("Affine", "CenterCrop", "CoarseDropout", "CropAndPad", "ElasticTransform", "Erasing"),
    *("FrequencyMasking", "GridDistortion", "GridDropout", "OpticalDistortion", "Pad"),
    *("PadIfNeeded", "Perspective", "PixelDropout", "RandomCrop", "Rotate", "SafeRotate"),
    *("ShiftScaleRotate", "ThinPlateSpline", "TimeMasking", "XYMasking"),
}
FOREIGN = {"FDA", "HistogramMatching", "Mosaic", "OverlayElements", "PixelDistributionAdaptation"}
NEEDY = {"TextImage"}
ALLOWED = sorted(set(Builder()._supported) - FOREIGN - NEEDY)

HEIGHT, WIDTH = 64, 76
IMAGE = np.random.default_rng(0).integers(1, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
IDS = (3, 7, 20, 250)
LABELS = (
    np.array(IDS, np.uint8)[np.random.default_rng(1).integers(0, 4, (8, 10))]
    .repeat(8, 0)
    .repeat(8, 1)[:, :WIDTH]
)
WIDE = np.where(LABELS == 250, 60_000, LABELS.astype(np.uint16)).astype(np.uint16)


def entry(name: str) -> dict:
    arguments = {**ARGUMENTS.get(name, {}), **CONTAINERS.get(name, {})}
    return {name: arguments if name == "OneOrOther" else {**arguments, "p": 1}}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ALLOWED)
class TestEveryTransform:
    def test_creates_no_new_labels(self, name):
        """No new class appears, and pixels from outside are ignored, not class 0."""
        augment = Augmentation([entry(name)], seed=3, fill=(10, 20, 30))
        ignored = 0.0
        for n in range(8):
            inputs, targets = augment(n, {"image": IMAGE}, {"semantic": LABELS})
            labels = targets["semantic"]
            assert labels.dtype == np.uint8
            assert labels.flags.c_contiguous
            assert inputs["image"].shape == (*labels.shape, 3)
            assert inputs["image"].dtype == np.uint8
            assert set(np.unique(labels)) <= {*IDS, 255}
            ignored = max(ignored, (labels == 255).mean())
        assert (ignored > 0) == (name in FILLING)

    def test_moves_all_inputs_and_targets_alike(self, name):
        """Depth and a second label map move with the image, for all types."""
        ignore = {"semantic": 65535, "geometric": 255}
        augment = Augmentation([entry(name)], seed=3, ignore_index=ignore, fill=(10, 20, 30))
        depth = np.full((HEIGHT, WIDTH, 1), 5.5, np.float32)
        hha = np.dstack([LABELS] * 3)
        inputs, targets = augment(
            0, {"image": IMAGE, "depth": depth, "hha": hha}, {"semantic": WIDE, "geometric": LABELS}
        )
        semantic, geometric, depth = targets["semantic"], targets["geometric"], inputs["depth"]
        assert semantic.dtype == np.uint16
        assert geometric.dtype == np.uint8
        assert set(np.unique(semantic)) <= {3, 7, 20, 60_000, 65_535}
        assert (np.where(semantic == 65_535, 255, semantic % 59_750) == geometric).all()
        assert depth.dtype == np.float32
        assert depth.shape == (*geometric.shape, 1)
        assert ((depth[..., 0] == 0) == (geometric == 255)).all()
        assert set(np.unique(depth)) <= {0.0, 5.5}
        hha = inputs["hha"]
        assert (hha == np.where(geometric == 255, 0, geometric)[..., None]).all()

    def test_is_a_function_of_seed_and_number(self, name):
        def run(augment, n):
            inputs, targets = augment(n, {"image": IMAGE}, {"semantic": LABELS})
            return inputs["image"].tobytes(), targets["semantic"].tobytes()

        fresh = Augmentation([entry(name)], seed=3)
        used = Augmentation([entry(name)], seed=3)
        for n in range(3):
            run(used, n)
        assert run(fresh, 7) == run(used, 7)

    def test_does_not_modify_its_arguments(self, name):
        image, labels = IMAGE.copy(), LABELS.copy()
        image.flags.writeable = labels.flags.writeable = False
        Augmentation([entry(name)], seed=3)(0, {"image": image}, {"semantic": labels})
        assert (image == IMAGE).all()
        assert (labels == LABELS).all()


PIPELINE = [
    {"OneOf": {"transforms": [{"Affine": {"rotate": [-40, 40]}}, "HorizontalFlip"], "p": 0.8}},
    {"SomeOf": {"transforms": ["Blur", "RandomGamma", "ISONoise"], "n": 2}},
    {"RandomCrop": {"height": 40, "width": 40}},
    "VerticalFlip",
]


class TestRandomness:
    def test_differs_between_numbers_and_seeds(self):
        seen = set()
        for seed in (0, 1):
            augment = Augmentation(PIPELINE, seed=seed)
            for n in range(20):
                inputs, _ = augment(n, {"image": IMAGE}, {"semantic": LABELS})
                seen.add(inputs["image"].tobytes())
        assert len(seen) == 40

    def test_transforms_draw_independently(self):
        """Two flips of one half each must not always agree (they do with set_random_seed)."""
        augment = Augmentation(["HorizontalFlip", "VerticalFlip"])
        corners = {
            int(augment(n, {"image": IMAGE}, {"semantic": LABELS})[0]["image"][0, 0, 0])
            for n in range(64)
        }
        assert corners == {int(IMAGE[i, j, 0]) for i in (0, -1) for j in (0, -1)}


class TestOtherImages:
    @pytest.mark.parametrize("channels", [1, 2, 4, 6])
    def test_images_of_any_channel_count_are_transformed(self, channels):
        image = np.repeat(IMAGE[..., :1], channels, -1)
        augment = Augmentation(
            [{"Rotate": {"limit": [20, 20], "p": 1}}, "HorizontalFlip"],
            fill=[9.0] * channels,
        )
        out = augment(0, {"image": image}, {"semantic": LABELS})[0]["image"]
        assert out.shape == image.shape
        assert (out[0, 0] == 9).all()

    @pytest.mark.parametrize(
        ("names", "image"), [(("hha", "image", "depth"), "image"), (("left", "hha"), "left")]
    )
    def test_all_inputs_but_one_are_maps(self, names, image):
        """Only the input ``image``, or else the first input, is treated as an image."""
        augment = Augmentation([{"InvertImg": {"p": 1}}])
        out, _ = augment(0, dict.fromkeys(names, IMAGE), {"semantic": LABELS})
        for name in names:
            assert (out[name] == (255 - IMAGE if name == image else IMAGE)).all()

    @pytest.mark.parametrize("shape", [(HEIGHT, WIDTH, 1), (HEIGHT, WIDTH, 3)])
    def test_sixteen_bit_images_keep_their_type(self, shape):
        """Many transforms would silently convert 16-bit images to 8 bits or to zeros."""
        image = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
        still = Augmentation([{"HorizontalFlip": {"p": 1}}])
        out, _ = still(0, {"image": image}, {"semantic": LABELS})
        assert out["image"].dtype == np.uint16
        assert (out["image"] == image[:, ::-1]).all()
        darker = {"brightness_limit": [-0.1, -0.1], "contrast_limit": [0, 0], "p": 1}
        color = Augmentation([{"RandomBrightnessContrast": darker}])
        out, _ = color(0, {"image": image}, {"semantic": LABELS})
        wanted = np.maximum(image.astype(int) - 6553.5, 0)
        assert np.abs(out["image"] - wanted).max() <= 1

    def test_without_transforms_nothing_is_copied(self):
        inputs, _ = Augmentation([])(0, {"image": IMAGE}, {"semantic": LABELS})
        assert inputs["image"] is IMAGE


class TestFill:
    def test_default_fill_is_the_mean_color(self):
        pad = {"PadIfNeeded": {"min_height": 70, "min_width": 90, "position": "top_left"}}
        given = {"PadIfNeeded": {**pad["PadIfNeeded"], "fill": [1, 2, 3]}}
        for transform, color in ((pad, [10, 20, 30]), (given, [1, 2, 3])):
            augment = Augmentation([transform], fill=(10, 20, 30))
            out, _ = augment(0, {"image": IMAGE}, {"semantic": LABELS})
            assert out["image"][-1, -1].tolist() == color

    @pytest.mark.parametrize(
        ("dtype", "expected"), [(np.uint8, 51), (np.uint16, 51 * 257), (np.float32, 0.2)]
    )
    def test_fill_is_scaled_to_the_pixel_type(self, dtype, expected):
        pad = {"PadIfNeeded": {"min_height": 70, "min_width": 90, "position": "top_left"}}
        augment = Augmentation([pad], fill=51)
        image = np.zeros((HEIGHT, WIDTH, 3), dtype)
        out, _ = augment(0, {"image": image}, {"semantic": LABELS})
        assert out["image"].dtype == dtype
        assert out["image"][-1, -1] == pytest.approx(expected)

    def test_fill_of_labels_is_optional(self):
        hole = {"hole_height_range": [0.5, 0.5], "hole_width_range": [0.5, 0.5], "p": 1}
        kept = Augmentation([{"CoarseDropout": {**hole, "fill_mask": None}}])
        _, targets = kept(0, {"image": IMAGE}, {"semantic": LABELS})
        assert (targets["semantic"] == LABELS).all()

    def test_fill_reaches_nested_transforms(self):
        inner = {"Sequential": {"transforms": [{"Rotate": {"limit": [45, 45], "p": 1}}], "p": 1}}
        augment = Augmentation([{"OneOf": {"transforms": [inner], "p": 1}}])
        _, targets = augment(0, {"image": IMAGE}, {"semantic": LABELS})
        assert targets["semantic"][0, 0] == 255

    def test_reflection_needs_no_fill(self):
        reflect = {"limit": [45, 45], "border_mode": "BORDER_REFLECT_101", "p": 1}
        augment = Augmentation([{"Rotate": reflect}])
        _, targets = augment(0, {"image": IMAGE}, {"semantic": LABELS})
        assert 255 not in targets["semantic"]

    def test_ignored_pixels_do_not_attract_crops(self):
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[:40] = 255
        labels[50, 60] = 1
        augment = Augmentation([{"CropNonEmptyMaskIfExists": {"height": 8, "width": 8}}])
        for n in range(5):
            _, targets = augment(n, {"image": IMAGE}, {"semantic": labels})
            assert 1 in targets["semantic"]


class TestCheck:
    def test_valid_list_has_no_problems(self):
        assert check_transforms([*PIPELINE, {"Resize": {"height": 9, "width": 9}}]) == []

    @pytest.mark.parametrize(
        ("transforms", "place", "message"),
        [
            ("Blur", (), "expected a list of transforms"),
            ([3], (0,), "write a transform as Name, or as {Name: {argument: value}}"),
            ([{"type": "HorizontalFlip"}], (0,), "write a transform as HorizontalFlip"),
            (
                [{"type": "RandomCrop", "height": 32, "pad": True}],
                (0,),
                "write a transform as {RandomCrop: {height: 32, pad: true}}",
            ),
            ([{"Blur": {}, "p": 1}], (0,), "write a transform as Name, or as"),
            (
                ["HorizontalFlop"],
                (0,),
                "unknown transform 'HorizontalFlop'. Did you mean 'Horizont",
            ),
            ([{"RandomCorp": {}}], (0, "RandomCorp"), "Did you mean 'RandomCrop'?"),
            (
                [{"Blur": 3}],
                (0, "Blur"),
                "the arguments of Blur must be a mapping, {argument: value}",
            ),
            (
                [{"RandomCrop": {"height": 3, "width": 3, "pad_if_need": True}}],
                (0, "RandomCrop", "pad_if_need"),
                "RandomCrop has no argument 'pad_if_need'. Did you mean 'pad_if_needed'?",
            ),
            ([{"RandomCrop": {"height": 3}}], (0, "RandomCrop"), "RandomCrop needs 'width'"),
            (
                [{"HorizontalFlip": {"p": 3}}],
                (0, "HorizontalFlip", "p"),
                "Input should be less than or equal to 1 (it is 3)",
            ),
            (
                [{"OneOf": {"transforms": ["Blur", {"Rotate": {"limits": 4}}]}}],
                (0, "OneOf", "transforms", 1, "Rotate", "limits"),
                "Rotate has no argument 'limits'. Did you mean 'limit'?",
            ),
            (
                [{"OneOf": {"transforms": ["Blur"], "p": 2}}],
                (0, "OneOf", "p"),
                "Input should be less than or equal to 1 (it is 2)",
            ),
            (["Normalise"], (0,), "unknown transform 'Normalise'."),
            ([{"OneOf": {"p": 1}}], (0, "OneOf"), "OneOf needs 'transforms'"),
            ([{"OneOf": {"transforms": []}}], (0, "OneOf", "transforms"), "the list of transforms"),
            ([{"SomeOf": {"transforms": ["Blur"], "m": 1}}], (0, "SomeOf", "m"), "no argument 'm'"),
            (
                [{"Resize": {"height": 9, "width": 9, "mask_interpolation": 1}}],
                (0, "Resize", "mask_interpolation"),
                "class indices cannot be averaged: mask_interpolation must be INTER_NEAREST",
            ),
            (["Normalize"], (0,), "the stream normalizes its inputs with the statistics"),
            ([{"ToTensorV2": {}}], (0, "ToTensorV2"), "so ToTensorV2 must not be in"),
            (["Compose"], (0,), "use Sequential for a list inside a list"),
            (["Lambda"], (0,), "Lambda needs a function, which YAML cannot hold"),
            (["FDA"], (0,), "FDA needs fda_metadata besides the image and its labels"),
            (["RandomCropNearBBox"], (0,), "needs bounding boxes"),
            (["GridElasticDeform"], (0,), "ElasticTransform does not"),
        ],
    )
    def test_problems_have_places_and_messages(self, transforms, place, message):
        problems = check_transforms(transforms)
        assert [found for found, _ in problems] == [place]
        assert message in problems[0][1]

    def test_problems_are_in_order(self):
        problems = check_transforms(["Blurr", {"Rotate": {"limits": 1, "p": 2}}, "Normalize"])
        assert [place for place, _ in problems] == [
            (0,),
            (1, "Rotate", "limits"),
            (1, "Rotate", "p"),
            (2,),
        ]

    def test_warnings_of_albumentations_are_logged(self, caplog):
        caplog.set_level(logging.WARNING, "pluxel")
        assert check_transforms([{"SomeOf": {"transforms": ["Blur"], "n": 2}}]) == []
        assert "`n` is greater than number of transforms" in caplog.text


class TestErrors:
    def test_building_an_invalid_list_raises(self):
        with pytest.raises(AugmentationError, match=r"augment: 0: unknown transform 'Blurr'"):
            Augmentation(["Blurr"])

    def test_a_crop_larger_than_the_image_raises(self):
        augment = Augmentation([{"RandomCrop": {"height": 100, "width": 40}}])
        with pytest.raises(AugmentationError, match="pad_if_needed: true") as caught:
            augment(0, {"image": IMAGE}, {"semantic": LABELS})
        assert "on an image of 64×76 (height × width)" in str(caught.value)
        assert "(100, 40)" in str(caught.value)

    def test_color_changes_on_other_images_raise(self):
        augment = Augmentation([{"HueSaturationValue": {"p": 1}}])
        with pytest.raises(AugmentationError, match="1-channel or 3-channel images"):
            augment(0, {"image": np.repeat(IMAGE[..., :1], 5, -1)}, {"semantic": LABELS})
