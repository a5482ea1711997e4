"""The compact copy bounds every cosine from above, and depends only on its rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.common.numerics import unit_vectors
from pluxel.core.neighbors import Compact, CosineIndex, _compact
from pluxel.core.neighbors._exact import Rows, norms_of, tree_sum
from pluxel.core.neighbors._one_query import quantize
from pluxel.core.neighbors._scores import CompactScores, FullScores
from pluxel.registry import PluxelError
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

EPSILON = 1e-12


def bounds(compact: Compact, queries: np.ndarray) -> dict[str, np.ndarray]:
    """Return upper bounds (Q, N) by name: in float64, for many queries, and in int8."""
    codes = compact.codes.double().numpy()
    exact = compact.weights(queries) @ codes.T + _compact.SLACK
    many = {}
    for name, half in (("float32", False), ("bfloat16", True)):
        scores = CompactScores(compact, torch.from_numpy(queries), half)
        written = torch.empty(len(codes), len(queries))
        scores.write(0, written)
        many[name] = (written.T.double() + scores.slack[:, None]).numpy()
    single = []
    for query in queries:
        quantized, scale, slack = quantize(compact, query)
        assert np.abs(quantized.astype(int)).max() <= 127
        single.append(scale * (codes @ quantized[0].astype(np.float64)) + slack)
    return {"float64": exact, **many, "int8": np.stack(single)}


def rows_of(kind: str, count: int, dim: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, dim, generator=random)
    if kind == "alike":
        rows = rows[:1].repeat(count, 1)
    elif kind == "outlier":
        rows[0] *= 1e36
        rows[1:] *= torch.logspace(0, -3, dim)
    elif kind == "huge":
        rows = rows / rows.abs().max() * 3e38
    elif kind == "denormal":
        rows *= 1e-43
    elif kind == "axes":
        rows = torch.eye(dim)[torch.randint(dim, (count,), generator=random)] * rows[:, :1]
    elif kind == "decaying":
        rows *= torch.logspace(0, -6, dim)
    elif kind == "zeros":
        rows[:: max(1, count // 3)] = 0
    return rows


KINDS = ["random", "alike", "outlier", "huge", "denormal", "axes", "decaying", "zeros"]


def unit_queries(queries: Tensor) -> np.ndarray:
    """Return queries (Q, D) at unit length, float64."""
    return unit_vectors(queries, norms_of(queries)).numpy()


@settings(max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    count=st.integers(1, 120),
    dim=st.integers(1, 90),
    width=st.none() | st.integers(3, 100),
    seed=st.integers(0, 10_000),
    own=st.booleans(),
)
def test_no_cosine_is_above_its_bound(
    kind: str, count: int, dim: int, width: int | None, seed: int, own: bool
) -> None:
    vectors = rows_of(kind, count, dim, seed)
    rows = Rows(vectors, norms_of(vectors))
    compact = Compact.build(vectors, rows.norms, width=width)
    others = rows_of("random" if seed % 2 else "axes", 5, dim, seed + 1)
    queries = unit_queries(vectors[:5] if own else others)
    truth = queries @ rows.unit(slice(None)).numpy().T
    for name, bound in bounds(compact, queries).items():
        assert (truth <= bound + EPSILON).all(), name


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.integers(1, 100), st.integers(1, 400), st.integers(0, 10_000))
def test_the_error_of_float32_products_is_within_the_slack(
    kind: str, count: int, dim: int, seed: int
) -> None:
    vectors = rows_of(kind, count, dim, seed)
    rows = Rows(vectors, norms_of(vectors))
    batch = torch.cat([vectors[:2], rows_of("random", 3, dim, seed + 1)])
    queries = torch.from_numpy(unit_queries(batch))
    scores = FullScores(rows, queries)
    written = torch.empty(count, len(queries))
    scores.write(0, written)
    truth = rows.unit(slice(None)) @ queries.T
    assert bool(((written.double() - truth).abs() <= scores.slack).all())
    pairs = torch.cartesian_prod(torch.arange(count), torch.arange(len(queries))).T
    paired = scores.of_pairs(*pairs).view(count, -1)
    assert bool(((paired.double() - truth).abs() <= scores.slack).all())


def test_columns_of_the_bound_are_rounded_up_in_bfloat16() -> None:
    vectors = rows_of("random", 100, 80, 0)
    compact = Compact.build(vectors, norms_of(vectors), width=32)
    queries = unit_queries(rows_of("random", 50, 80, 1))
    scores = CompactScores(compact, torch.from_numpy(queries), True)
    exact = torch.from_numpy(compact.weights(queries))
    assert scores.weights.dtype == torch.bfloat16
    assert bool((scores.weights.T[:, 30:].double() >= exact[:, 30:]).all())


def test_the_bound_is_tight_if_the_codes_include_all_directions() -> None:
    vectors = rows_of("random", 500, 40, 0) * torch.logspace(0, -1, 40)
    compact = Compact.build(vectors, norms_of(vectors))
    queries = unit_queries(vectors[:20])
    truth = queries @ Rows(vectors, norms_of(vectors)).unit(slice(None)).numpy().T
    for name, bound in bounds(compact, queries).items():
        assert np.median(bound - truth) < 0.04, name


@pytest.mark.parametrize("dim", [1, 5, 62, 63, 300])
def test_a_copy_is_deterministic_and_can_be_restored_from_its_arrays(dim: int) -> None:
    vectors = rows_of("decaying", 200, dim, 0)
    compact = Compact.build(vectors, norms_of(vectors))
    again = Compact.build(vectors.clone(), norms_of(vectors))
    back = Compact(**compact.arrays())
    for name, array in compact.arrays().items():
        assert torch.equal(array, again.arrays()[name])
        assert torch.equal(array, back.arrays()[name])
    assert compact.basis.shape == (dim, min(dim, compact.codes.shape[1] - 2))


@pytest.mark.parametrize("scale", [0, 1])
def test_a_copy_of_fewer_directions_than_columns_keeps_all(scale: int) -> None:
    vectors = scale * torch.eye(93)  # 62 directions have two thirds of the energy
    compact = Compact.build(vectors, norms_of(vectors))
    assert compact.basis.shape == (93, 93)


def test_blocks_change_codes_by_at_most_one(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = rows_of("outlier", 333, 20, 0)
    whole = Compact.build(vectors, norms_of(vectors))
    monkeypatch.setattr(_compact, "_BLOCK", 200)
    parts = Compact.build(vectors, norms_of(vectors))
    # The order of additions depends on the block, so a coordinate may be rounded differently.
    assert (whole.codes.int() - parts.codes.int()).abs().max() <= 1


def test_invalid_compact_copies_are_rejected() -> None:
    with pytest.raises(PluxelError, match="cannot build a compact copy of width 2"):
        Compact.build(torch.ones(4, 4), torch.ones(4).double(), width=2)
    with pytest.raises(PluxelError, match=r"for rows \(0, 4\)"):
        Compact.build(torch.ones(0, 4), torch.ones(0).double())
    arrays = Compact.build(torch.eye(4), torch.ones(4).double()).arrays()
    with pytest.raises(PluxelError, match="do not form a compact copy with 4 directions"):
        Compact(**{**arrays, "codes": arrays["codes"][:, :5]})


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 10_000))
@settings(max_examples=20)
def test_sums_are_the_same_in_torch_and_numpy_and_for_every_row(
    width: int, count: int, seed: int
) -> None:
    row = rows_of("random", 1, width, seed)[0].double()
    rows = row.repeat(count, 1)
    expected = tree_sum(row.clone())
    assert float((expected - row.sum()).abs()) < 1e-12
    assert tree_sum(rows.clone()).tolist() == [float(expected)] * count
    assert tree_sum(rows.numpy().copy()).tolist() == [float(expected)] * count


def test_given_norms_and_computed_norms_find_the_same_rows() -> None:
    vectors = rows_of("random", 100, 12, 0)
    plain = CosineIndex(vectors)
    given_norms = CosineIndex(
        vectors, norms=torch.from_numpy(np.linalg.norm(vectors.double(), axis=1))
    )
    found = plain.search(vectors[:5], 4), given_norms.search(vectors[:5], 4)
    assert torch.equal(found[0].indices, found[1].indices)


@pytest.mark.usefixtures("fake_gpu")
class TestWithoutADevice:
    """Code for devices runs under FakeTensorMode, which rejects mixed devices."""

    def test_full_scores(self) -> None:
        for dtype in (torch.float32, torch.bfloat16):
            with FakeTensorMode():
                vectors = torch.empty(200, 30, device="cuda", dtype=dtype)
                rows = Rows(vectors, torch.empty(200, device="cuda", dtype=torch.float64))
                rows.__dict__["ordinary"] = True  # a cached property that reads values
                queries = torch.empty(7, 30, device="cuda", dtype=torch.float64)
                scores = FullScores(rows, queries)
                out = torch.empty(128, 7, device="cuda")
                scores.write(0, out)
                assert out.device.type == scores.slack.device.type == "cuda"
                numbers = torch.zeros(50, device="cuda", dtype=torch.int64)
                assert scores.of_pairs(numbers, numbers).device.type == "cuda"

    def test_group_maxima_seeds_and_exact_cosines(self) -> None:
        from pluxel.core.neighbors._blocks import group_maxima, seed  # noqa: PLC0415
        from pluxel.core.neighbors._exact import Best  # noqa: PLC0415

        with FakeTensorMode():
            norms = torch.empty(4096, device="cuda", dtype=torch.float64)
            rows = Rows(torch.empty(4096, 30, device="cuda"), norms)
            best = Best(rows, torch.empty(7, 30, device="cuda", dtype=torch.float64), 3)
            scores = torch.empty(4096, 7, device="cuda")
            groups = group_maxima(scores)
            assert groups.shape == (64, 7)
            for maxima in (groups, groups[:2]):
                assert seed(best, scores, maxima, 0).device.type == "cuda"
            numbers = torch.zeros(50, device="cuda", dtype=torch.int64)
            best.add(numbers, numbers)
            assert best.indices.shape == best.cosines.shape == (7, 3)
            assert best.indices.device.type == "cuda"


def test_the_directions_of_very_wide_rows_are_not_computed() -> None:
    """A square matrix would take three terabytes, and the bound holds without it."""
    rows = torch.randn(3, 600_000, generator=torch.Generator().manual_seed(0))
    compact = Compact.build(rows, rows.double().norm(dim=1))
    assert compact.basis.shape == (600_000, 2)
    units = torch.nn.functional.normalize(rows.double(), dim=1)
    bound = compact.codes.double().numpy() @ compact.weights(units.numpy()).T
    assert (bound + _compact.SLACK >= (units @ units.T).numpy()).all()
