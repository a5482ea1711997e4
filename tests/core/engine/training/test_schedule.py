import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.config.sections.training import ConstantSchedule, CosineSchedule, PolySchedule
from pluxel.core.engine.training.schedule import factor

SCHEDULES = [
    ConstantSchedule(),
    PolySchedule(),
    PolySchedule(power=2, min_factor=0.1),
    CosineSchedule(min_factor=0.01),
]


def test_poly_is_a_power_of_the_remaining_share():
    assert factor(PolySchedule(power=0.9), 25, 100) == pytest.approx(0.75**0.9)


def test_cosine_is_one_half_at_half_time():
    assert factor(CosineSchedule(min_factor=0.2), 50, 100) == pytest.approx(0.6)


def test_constant_does_not_change():
    assert {factor(ConstantSchedule(), step, 10) for step in range(10)} == {1.0}


def test_schedule_starts_after_linear_warm_up():
    schedule = PolySchedule(warmup_steps=10, warmup_factor=0.5)
    assert [factor(schedule, s, 110) for s in (0, 5, 10)] == pytest.approx([0.5, 0.75, 1.0])
    assert factor(schedule, 60, 110) == pytest.approx(0.5**0.9)


@given(st.sampled_from(SCHEDULES), st.integers(1, 500), st.data())
def test_factors_never_rise_and_stay_in_range(schedule, steps, data):
    step = data.draw(st.integers(0, steps - 1))
    now = factor(schedule, step, steps)
    assert getattr(schedule, "min_factor", 0) <= now <= 1
    assert factor(schedule, step + 1, steps) <= now


def test_warm_up_longer_than_training_works():
    assert factor(CosineSchedule(warmup_steps=50), 9, 10) < 1
