"""Descriptions of parameters in docstrings of several forms."""

from __future__ import annotations

import pytest
from pluxel.core.contracts.docstrings import described_parameters
from pluxel.core.contracts.signature import read_signature
from pluxel.registry import Component


class Own:
    """A loss.

    ``a``: the first,
    in two lines. ``b``: the second: with a colon.
    ``c``, ``d``: two at once.

    Raises: an error.
    """


class Google:
    """A loss.

    Args:
        a (int): the first,
            in two lines.
        b: the second: with a colon.
        c (list[int], optional): two at once.
        d: two at once.

    Returns:
        x: nothing.
    """


class NumPy:
    """A loss.

    Parameters
    ----------
    a : int
        the first,
        in two lines.
    b
        the second: with a colon.
    c, d : list of int
        two at once.

    Returns
    -------
    x : int
        nothing.
    """


class Sphinx:
    def __init__(self) -> None:
        """Make a loss.

        :param a: the first,
            in two lines.
        :param int b: the second: with a colon.
        :param c: two at once.
        :param d: two at once.
        :returns: nothing.
        """


EXPECTED = {
    "a": "the first, in two lines.",
    "b": "the second: with a colon.",
    "c": "two at once.",
    "d": "two at once.",
}


@pytest.mark.parametrize("target", [Own, Google, NumPy, Sphinx])
def test_four_forms_are_read(target: type) -> None:
    assert described_parameters(target, "abcdx") == EXPECTED
    assert described_parameters(target, ["b"]) == {"b": EXPECTED["b"]}


def test_a_class_comes_before_its_bases() -> None:
    class Child(Own):
        """``a``: another."""

    assert described_parameters(Child, "ab") == {"a": "another.", "b": EXPECTED["b"]}


def test_descriptions_belong_to_the_schema() -> None:
    class Loss:
        """``size``: in pixels."""

        def __init__(self, *, size: int = 3, other: int = 4) -> None: ...

        def __call__(self, logits: object, target: object) -> None: ...

    component = Component("x", "m:Loss", "A loss.")
    properties = read_signature("loss", component, Loss).parameters.model_json_schema()[
        "properties"
    ]
    assert properties["size"]["description"] == "in pixels."
    assert "description" not in properties["other"]
