"""Private names of albumentations still do what Pluxel needs."""

import numpy as np
from pluxel.core.data._transforms import load_albumentations
from pluxel.core.data.albumentations_private import functions_by_key


def test_a_replaced_function_is_applied_to_its_key_only():
    library = load_albumentations()
    transform = library.HorizontalFlip(p=1)
    compose = library.Compose([transform])
    compose.add_targets({"depth": "mask"})
    functions_by_key(transform)["depth"] = lambda mask, **_: mask + 7
    image = np.zeros((2, 2, 3), np.uint8)
    mask = np.array([[1, 2], [3, 4]], np.uint8)
    found = compose(image=image, mask=mask, depth=mask)
    assert found["depth"].tolist() == [[8, 9], [10, 11]]
    assert found["mask"].tolist() == [[2, 1], [4, 3]]
