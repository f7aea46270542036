"""Schedules: their rates against Keras, against torch and by hand, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from live import live_keras, live_torch
from numpy.testing import assert_allclose

from timeglass.errors import OptionError
from timeglass.train.schedules import CosineDecay, ExponentialDecay, OneCycle, Schedule


def rates(schedule: Schedule, steps: int) -> np.ndarray:
    assert isinstance(schedule.base_rate, float)
    return schedule.base_rate * schedule.factor(np.arange(steps))


# torch.optim.lr_scheduler.OneCycleLR's, torch 2.13, max_lr=0.1, cycle_momentum=False.
TORCH = {
    OneCycle(0.1, 20): [
        0.004, 0.013167184270002533, 0.037167184270002526, 0.06683281572999747, 0.09083281572999748, 0.1,
        0.09874640062350874, 0.09504846320134738, 0.089091617757105, 0.0811745653949763, 0.07169430017913009,
        0.06112620219362893, 0.0500002, 0.03887419780637107, 0.028306099820869922, 0.0188258346050237,
        0.010908782242895003, 0.004951936798652629, 0.0012539993764912555, 4e-07,
    ],
    OneCycle(0.1, 7, start_share=0.5, div_factor=10, final_div_factor=100): [
        0.01, 0.041094235253127366, 0.09140576474687263, 0.09505339495172584, 0.06116492065111791,
        0.018906684397156263, 0.0001,
    ],
    OneCycle(0.1, 11, start_share=0.0): [
        0.09797465678213016, 0.0920627083908525, 0.08274310572511748, 0.07077086756709174, 0.05711591345069661,
        0.0428844865493034, 0.029229532432908288, 0.017257294274882543, 0.0079376916091475, 0.00202574321786986, 4e-07,
    ],
    OneCycle(0.1, 5, start_share=1.0): [0.004, 0.018058874503045733, 0.052, 0.08594112549695429, 0.1],
}  # fmt: skip


@pytest.mark.parametrize("cycle", TORCH, ids=repr)
def test_one_cycle_has_the_recorded_rates_of_torch(cycle):
    assert_allclose(rates(cycle, cycle.total_steps), TORCH[cycle], rtol=1e-13, atol=1e-17)


@live_torch
@pytest.mark.parametrize("cycle", [*TORCH, OneCycle(0.3, 187), OneCycle(0.3, 1000, start_share=0.123)], ids=repr)
def test_one_cycle_has_the_rates_of_torch(cycle):
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=cycle.max_learning_rate, total_steps=cycle.total_steps, pct_start=cycle.start_share,
        div_factor=cycle.div_factor, final_div_factor=cycle.final_div_factor, cycle_momentum=False,
    )  # fmt: skip
    expected = []
    for _ in range(cycle.total_steps):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        if len(expected) < cycle.total_steps:
            theirs.step()
    assert_allclose(rates(cycle, cycle.total_steps), expected, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("share", [0.0, 1 / 3, 0.5, 1.0])
def test_the_shortest_cycles_have_rates_between_the_least_and_the_greatest(total, share):
    cycle = OneCycle(1.0, total, start_share=share)
    made = cycle.factor(np.arange(-1, total + 3))
    assert np.isfinite(made).all()
    assert (made >= 1 / 25e4 * (1 - 1e-9)).all()
    assert (made <= 1).all()


def test_one_cycle_stays_at_its_end():
    cycle = OneCycle(0.1, 20)
    assert cycle.factor([19, 20, 10**9]).tolist() == [cycle.factor(19)] * 3


KERAS = [
    CosineDecay(0.02, 30),
    CosineDecay(0.02, 30, 0.1),
    CosineDecay(0.002, 25, 0.2, warmup_target=0.05, warmup_steps=10),
    CosineDecay(0.0, 25, warmup_target=0.05, warmup_steps=10),
    CosineDecay(0.01, 25, warmup_target=0.05),
    ExponentialDecay(0.1, 7, 0.6),
    ExponentialDecay(0.1, 7, 0.6, staircase=True),
    ExponentialDecay(0.01, 3, 1.5),
]


@live_keras
@pytest.mark.parametrize("schedule", KERAS, ids=repr)
def test_rates_are_those_of_keras(schedule):
    import jax
    import keras

    theirs = jax.jit(getattr(keras.optimizers.schedules, type(schedule).__name__)(**vars(schedule)).__call__)
    expected = [float(theirs(step)) for step in range(45)]
    assert_allclose(rates(schedule, 45), expected, rtol=1e-5, atol=1e-9)  # Keras's are float32


def test_rates_worked_by_hand():
    cosine = CosineDecay(0.1, 4, alpha=0.2)
    root = np.sqrt(0.5)  # cos(π/4)
    assert_allclose(
        cosine.factor(np.arange(6)), [1, 0.8 * (1 + root) / 2 + 0.2, 0.6, 0.8 * (1 - root) / 2 + 0.2, 0.2, 0.2]
    )
    warm = CosineDecay(0.02, 2, warmup_target=0.1, warmup_steps=4)
    assert_allclose(0.1 * warm.factor(np.arange(8)), [0.02, 0.04, 0.06, 0.08, 0.1, 0.05, 0, 0], atol=1e-15)
    stairs = ExponentialDecay(1.0, 2, 0.5, staircase=True)
    assert stairs.factor(np.arange(5)).tolist() == [1, 1, 0.5, 0.5, 0.25]


def test_steps_of_any_shape_are_taken_each_for_itself():
    for schedule in (*KERAS, OneCycle(0.1, 20)):
        steps = np.array([[0, 5, 31], [12, 40, 7]])
        made = schedule.factor(steps)
        assert made.dtype == np.float64
        assert made.tolist() == [[float(schedule.factor(step)) for step in row] for row in steps]


def test_a_base_rate_may_be_given_for_each_network():
    assert CosineDecay([0.1, 0.2], 10).base_rate == (0.1, 0.2)
    assert CosineDecay(0, 10, warmup_target=np.array([0.1, 0.2]), warmup_steps=5).base_rate == (0.1, 0.2)
    assert ExponentialDecay((0.1, 0.2), 10, 0.5).base_rate == OneCycle([0.1, 0.2], 10).base_rate == (0.1, 0.2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CosineDecay(0.0, 10), "CosineDecay initial_learning_rate: expected a finite number above 0, got 0.0"),
        (lambda: CosineDecay((0.1, -1), 10), "initial_learning_rate of network 1: expected .* above 0, got -1"),
        (lambda: CosineDecay((), 10), "expected one rate, or one for each network in a row"),
        (lambda: CosineDecay("fast", 10), "expected a finite number above 0, got 'fast'"),
        (lambda: CosineDecay(0.1, 0), "decay_steps: expected a whole number of at least 1, got 0"),
        (lambda: CosineDecay(0.1, 10, alpha=1.5), "CosineDecay alpha: expected a number from 0 to 1, got 1.5"),
        (lambda: CosineDecay(0.1, 10, warmup_steps=5), "a warm-up needs the rate it ends at: give warmup_target"),
        (lambda: CosineDecay((0.1, 0.2), 10, warmup_target=0.3, warmup_steps=5), "with a warm-up, one finite number"),
        (lambda: CosineDecay(0.1, 10, warmup_target=(0.2, 0.3), warmup_steps=5), "expected 0 where warmup_target has"),
        (lambda: CosineDecay(0.1, 10, warmup_target=0, warmup_steps=5), "warmup_target: expected a finite number"),
        (lambda: ExponentialDecay(0.1, 10, 0), "ExponentialDecay decay_rate: expected a finite number above 0, got 0"),
        (lambda: ExponentialDecay(0.1, 2.5, 0.5), "decay_steps: expected a whole number of at least 1, got 2.5"),
        (lambda: OneCycle(float("nan"), 10), "max_learning_rate: expected a finite number above 0, got nan"),
        (lambda: OneCycle(0.1, True), "total_steps: expected a whole number of at least 1, got True"),
        (lambda: OneCycle(0.1, 10, start_share=2), "start_share: expected a number from 0 to 1, got 2"),
        (lambda: OneCycle(0.1, 10, div_factor=0.5), "div_factor: expected a finite number of at least 1, got 0.5"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_what_is_expected(make, words):
    with pytest.raises(OptionError, match=words):
        make()
