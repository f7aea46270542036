"""The random numbers: Philox 4x32-10 as published, the same in NumPy and in the kernel, and the shuffles made of them.

The known answers are those of Random123 (J. K. Salmon et al., SC 2011), file kat_vectors.
"""

from __future__ import annotations

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import NETWORKS, Network, dense

from timeglass.errors import OptionError
from timeglass.kernel import calls
from timeglass.network.initializers import initial_weights
from timeglass.network.philox import Purpose, check_seed, normal, random_words, shuffled_orders, uniform
from timeglass.train.engine_lanes import network_code

# Counter and key -> answer, each word as Random123 prints it.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
each_known_answer = pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [[[int(word, 16) for word in text.split()] for text in row] for row in KNOWN_ANSWERS],
    ids=["zeros", "ones", "pi"],
)
words = st.integers(0, 2**32 - 1)
seeds = st.integers(0, 2**64 - 1)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """The algorithm in Python's whole numbers, one counter at a time."""
    a, b, c, d = counter
    k, l = key  # noqa: E741
    for _ in range(10):
        ab, cd = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = cd >> 32 ^ b ^ k, cd & 0xFFFFFFFF, ab >> 32 ^ d ^ l, ab & 0xFFFFFFFF
        k, l = (k + 0x9E3779B9) & 0xFFFFFFFF, (l + 0xBB67AE85) & 0xFFFFFFFF  # noqa: E741
    return [a, b, c, d]


@each_known_answer
def test_the_plain_algorithm_gives_the_known_answers(counter, key, answer):
    assert philox(counter, key) == answer


@networks.needs_kernel
@each_known_answer
def test_the_kernel_gives_the_known_answers(counter, key, answer):
    block, network, epoch, purpose = counter
    made = calls.random_blocks(
        networks.KERNEL, seed=key[0] | key[1] << 32, network=network, epoch=epoch, purpose=purpose, first_block=block
    )
    assert made[0].tolist() == answer


def test_numpy_gives_the_known_answer_of_the_zeros():
    made = random_words(0, np.array([0]), epoch=0, purpose=Purpose.INITIAL_WEIGHTS, count=4)
    assert made.tolist() == [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=seeds, network=words, epoch=words, purpose=words, count=st.integers(1, 64))
def test_numpy_gives_the_plain_algorithms_words(seed, network, epoch, purpose, count):
    made = random_words(seed, np.array([network]), epoch=epoch, purpose=purpose, count=count)
    key = [seed & 0xFFFFFFFF, seed >> 32]
    expected = [word for block in range(16) for word in philox([block, network, epoch, purpose], key)]
    assert made.tolist() == [expected[:count]]


@networks.needs_kernel
@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=seeds, network=words, epoch=words, purpose=words, first_block=st.integers(0, 500))
def test_the_kernel_gives_numpys_words(seed, network, epoch, purpose, first_block):
    made = calls.random_blocks(
        networks.KERNEL, seed=seed, network=network, epoch=epoch, purpose=purpose, first_block=first_block
    )
    count = 4 * (first_block + 16)
    expected = random_words(seed, np.array([network]), epoch=epoch, purpose=purpose, count=count)[0, 4 * first_block :]
    assert np.array_equal(made.ravel(), expected)


@pytest.mark.parametrize("count", [1, 2, 64, 65, 187])
def test_a_shuffle_is_a_permutation(count):
    orders = shuffled_orders(11, np.arange(20), epoch=3, count=count)
    assert np.array_equal(np.sort(orders, axis=1), np.tile(np.arange(count), (20, 1)))
    if count > 60:
        assert len(np.unique(orders, axis=0)) == 20


def test_a_shuffle_is_fisher_and_yatess_with_the_stream_of_its_network_and_epoch():
    stream = [word for block in range(5) for word in philox([block, 6, 2, 1], [99, 0])]
    order = list(range(20))
    for left in range(20, 1, -1):
        chosen = stream[20 - left] * left >> 32
        order[left - 1], order[chosen] = order[chosen], order[left - 1]
    assert shuffled_orders(99, np.array([6]), epoch=2, count=20)[0].tolist() == order


def test_a_networks_shuffle_does_not_depend_on_how_many_are_asked_for():
    together = shuffled_orders(5, np.arange(40), epoch=1, count=30)
    for network in (0, 15, 16, 39):
        alone = shuffled_orders(5, np.array([network]), epoch=1, count=30)
        assert np.array_equal(alone[0], together[network])


def test_each_seed_and_epoch_has_its_own_shuffles():
    numbers = np.arange(3)
    made = [
        shuffled_orders(seed, numbers, epoch=epoch, count=50).tobytes()
        for seed, epoch in [(1, 0), (1, 1), (2, 0), (1 + 2**32, 0)]
    ]
    assert len(set(made)) == 4


def test_every_window_comes_to_every_place_equally_often():
    orders = np.concatenate([shuffled_orders(2, np.arange(2000), epoch=epoch, count=10) for epoch in range(3)])
    counts = np.array([np.bincount(place, minlength=10) for place in orders.T])  # (place, window)
    chi_square = ((counts - 600) ** 2 / 600).sum()
    # 81 degrees of freedom: below 126.1 in 999 of 1000 draws, above 46.5 in as many.
    assert 46.5 < chi_square < 126.1


@networks.needs_kernel
@pytest.mark.parametrize(("first_network", "first_epoch"), [(0, 0), (16, 7)])
def test_the_kernel_trains_on_the_windows_in_the_shuffled_order(first_network, first_epoch):
    # Window i is 1 in feature i alone, and Adam without beta_1 moves only weights that have a gradient: of a dense
    # unit without bias, each window moves its own weight, and slices of one batch show one after the other.
    count, group_size = 70, 3
    network = Network(1, count, (dense(1, use_bias=False),))
    x = np.eye(count, dtype=np.float32)[:, None, :]
    y = np.ones((count, 1), dtype=np.float32)
    start = np.zeros((group_size, count), dtype=np.float32)
    group = calls.Group(first_network, start, np.zeros_like(start), np.zeros_like(start), (1.0, 1.0))
    group.prepare(2, count)
    rates = calls.FitSettings(0.1, 0.0, 0.5, 1e-7, 31, first_epoch, 2, 1, 1, 1, 0.0)
    met = []
    more = True
    while more:
        before = group.weights.copy()
        more = calls.train(networks.KERNEL, network_code(network.architecture), x, y, rates, group)
        moved = group.weights != before
        assert moved.sum(axis=1).tolist() == [1] * group_size
        met.append(moved.argmax(axis=1))
    numbers = np.arange(first_network, first_network + group_size)
    orders = [shuffled_orders(31, numbers, epoch=first_epoch + epoch, count=count) for epoch in range(2)]
    assert np.array_equal(np.array(met).T, np.concatenate(orders, axis=1))


def test_uniform_numbers_lie_between_zero_and_one_and_fill_the_range():
    assert uniform(np.array([0, 2**32 - 1], dtype=np.uint64)).tolist() == [2.0**-33, 1 - 2.0**-33]
    drawn = uniform(random_words(3, np.arange(16), epoch=0, purpose=Purpose.INITIAL_WEIGHTS, count=1000)).ravel()
    counts = np.bincount((drawn * 20).astype(int), minlength=20)
    assert ((counts - 800) ** 2 / 800).sum() < 43.8  # chi-square with 19 degrees of freedom: 999 of 1000


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    drawn = normal(random_words(4, np.arange(16), epoch=0, purpose=Purpose.INITIAL_WEIGHTS, count=4000))
    # 64,000 draws: each bound is four standard errors.
    assert abs(drawn.mean()) < 0.016
    assert abs(drawn.var() - 1) < 0.023
    assert abs((drawn**3).mean()) < 0.062
    assert abs((drawn**4).mean() - 3) < 0.16
    for one, other in [(drawn[:, :2000], drawn[:, 2000:]), (drawn[:, ::2], drawn[:, 1::2]), (drawn[::2], drawn[1::2])]:
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.023


@networks.each_network
def test_a_networks_initial_weights_do_not_depend_on_how_many_are_asked_for(network: Network):
    together = initial_weights(network.architecture, np.arange(40), seed=8)
    assert len(np.unique(together, axis=0)) == 40
    for number in (0, 17, 39):
        alone = initial_weights(network.architecture, np.array([number]), seed=8)
        assert np.array_equal(alone[0].view(np.uint32), together[number].view(np.uint32))


def test_initial_weights_do_not_repeat_the_words_of_the_shuffles():
    architecture = NETWORKS["tutorial"].architecture
    start = initial_weights(architecture, np.array([0]), seed=1)[0, :3] / np.sqrt(6 / 4)
    shuffle = 2 * uniform(random_words(1, np.array([0]), epoch=0, purpose=Purpose.SHUFFLE, count=3))[0] - 1
    own = 2 * uniform(random_words(1, np.array([0]), epoch=0, purpose=Purpose.INITIAL_WEIGHTS, count=3))[0] - 1
    assert np.abs(start - own).max() < 1e-7
    assert np.abs(start - shuffle).min() > 1e-3


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", None])
def test_a_seed_is_a_whole_number_of_64_bits(seed):
    with pytest.raises(OptionError, match=r"seed: expected a whole number from 0 to 2\*\*64 - 1, got"):
        check_seed(seed)
    assert check_seed(np.int64(7)) == 7
    assert check_seed(2**64 - 1) == 2**64 - 1
