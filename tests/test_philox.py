"""The random numbers: Philox 4x32-10 as published, the same in NumPy and in the kernel, and the shuffles made of them.

The known answers are those of Random123 (J. K. Salmon et al., SC 2011), file kat_vectors.
"""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from fits import by_hand, each_carry
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import NETWORKS, Network, dense, dropout, rnn, task_of

from timeglass.errors import OptionError
from timeglass.kernel import calls
from timeglass.network.dropout import INPUTS, STATE, dropout_masks
from timeglass.network.initializers import initial_weights
from timeglass.network.philox import Purpose, check_seed, normal, random_words, shuffled_orders, uniform
from timeglass.train.engine import TrainingState
from timeglass.train.optimizers import SGD

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


EYE = Network(1, 70, (dense(1, use_bias=False),))


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize(("first_network", "first_epoch"), [(0, 0), (16, 7), (2**32 - 3, 2**31 - 1)])
def test_the_kernel_trains_on_the_windows_in_the_shuffled_order(library, lanes, first_network, first_epoch):
    # Window i is 1 in feature i alone: each batch of one window moves its own weight, and slices of one batch show
    # one after the other.
    count, group_size = 70, 1 if lanes == "samples" else 3
    x = np.eye(count, dtype=np.float32)[:, None, :]
    task = replace(
        task_of(EYE, count=count, epochs=2, batch_size=1, seed=2**64 - 31, optimizer=SGD(0.1), lanes=lanes),
        x=x, y=np.ones((count, 1, 1), dtype=np.float32),
    )  # fmt: skip
    numbers = first_network + np.arange(group_size)
    state = TrainingState(np.zeros((group_size, count), dtype=np.float32), numbers=numbers, epochs=first_epoch)
    fit, group = by_hand(task, state, slice_batches=1, library=library)
    met, more = [], True
    while more:
        before = group.weights.copy()
        more = fit()
        moved = group.weights != before
        assert moved.sum(axis=1).tolist() == [1] * group_size
        met.append(moved.argmax(axis=1))
    orders = [shuffled_orders(task.seed, numbers, epoch=first_epoch + epoch, count=count) for epoch in range(2)]
    assert np.array_equal(np.array(met).T, np.concatenate(orders, axis=1))


@networks.each_instruction_set
def test_each_network_shuffles_its_own_windows(library):
    counts = np.array([70, 3, 41, 1])
    x = np.eye(70, dtype=np.float32)[:, None, :]
    task = replace(
        task_of(EYE, count=70, epochs=1, batch_size=1, optimizer=SGD(0.1), counts=counts),
        x=x, y=np.ones((70, 1, 1), dtype=np.float32),
    )  # fmt: skip
    state = TrainingState(np.zeros((4, 70), dtype=np.float32))
    fit, group = by_hand(task, state, slice_batches=1, library=library)
    met: list[list[int]] = [[], [], [], []]
    more = True
    while more:
        before = group.weights.copy()
        more = fit()
        for network, feature in np.argwhere(group.weights != before).tolist():
            met[network].append(feature)
    for network, count in enumerate(counts.tolist()):
        order = shuffled_orders(task.seed, np.array([network]), epoch=0, count=count)
        assert met[network] == order[0].tolist()


# The factors of dropout, each seen alone: only one number of a window is not 0, all forecasts are 0 and the loss's
# slope is -1, so that a step of rate 1 adds the factor of that number to the weights that it meets.

NUMBERS, RATES = [0, 2**32 - 1, 40], (0.1, 1 / 3, 0.999)


def seen_factors(library, lanes, network: Network, start: np.ndarray, x: np.ndarray, y: float) -> np.ndarray:
    """(L, windows, P): what the step of each window, from the weights start (P,), adds to them, in epoch 5."""
    targets = np.full((len(x), *network.architecture.output_shape), y, dtype=np.float32)
    options = {"epochs": 1, "batch_size": 1, "shuffle": False, "seed": 77, "optimizer": SGD(1.0), "lanes": lanes}
    task = replace(task_of(network, count=len(x), **options), x=x, y=targets)
    state = TrainingState(np.tile(start, (3, 1)), numbers=np.array(NUMBERS), epochs=5)
    seen = []
    for rows in [slice(None)] if lanes == "networks" else np.arange(3)[:, None]:
        fit, group = by_hand(task.take(rows), state.take(rows), slice_batches=1, library=library)
        more, met = True, []
        while more:
            group.weights[:] = start
            more = fit()
            met.append(group.weights - start)
        seen.append(np.stack(met, axis=1))
    return np.concatenate(seen)


def one_at(count: int, shape: tuple[int, ...], places: np.ndarray) -> np.ndarray:
    """Windows (count, …) of zeros, but for a one at a place of each."""
    x = np.zeros((count, *shape), dtype=np.float32)
    x.reshape(count, -1)[np.arange(count), places] = 1
    return x


def check_factors(seen: np.ndarray, masks: np.ndarray, elements: np.ndarray) -> None:
    """Seen (L, windows) are those of the masks (L, windows, E) at these elements, and some are 0, some are not."""
    expected = masks[:, np.arange(len(elements)), elements]
    assert np.array_equal(seen, expected)
    assert [len(np.unique(row)) for row in expected] == [2, 2, 1 + (expected[2] > 0).any()]


def masks_of(network: Network, count: int) -> dict[tuple[int, int], np.ndarray]:
    return dropout_masks(network.architecture, 77, np.array(NUMBERS), 5, np.arange(count))


@networks.each_instruction_set
@each_carry
def test_the_factors_of_a_dropout_layer_are_numpys_to_the_bit(library, lanes):
    network = Network(3, 5, (dropout(RATES), dense(1, use_bias=False)))
    places = np.arange(60) % 15
    start = np.zeros(5, dtype=np.float32)
    seen = seen_factors(library, lanes, network, start, one_at(60, (3, 5), places), 1.5)  # a mean over three steps
    check_factors(seen[:, np.arange(60), places % 5], masks_of(network, 60)[0, INPUTS], places)


@networks.each_instruction_set
@each_carry
def test_the_factors_of_a_cells_inputs_are_numpys_to_the_bit_at_every_step(library, lanes):
    network = Network(3, 5, (dense(5, use_bias=False), rnn(4, "linear", use_bias=False, dropout=RATES)))
    eye, zero = np.eye(5), np.zeros((5, 4))
    start = np.concatenate([eye.ravel(), zero.ravel(), np.eye(4).ravel()]).astype(np.float32)
    places = np.arange(60) % 15
    seen = seen_factors(library, lanes, network, start, one_at(60, (3, 5), places), 2.0)[..., 25:45]
    seen = seen.reshape(3, 60, 5, 4)[:, np.arange(60), places % 5]
    for unit in range(4):
        check_factors(seen[..., unit], masks_of(network, 60)[1, INPUTS], places % 5)


@networks.each_instruction_set
@each_carry
def test_the_factors_of_a_cells_state_are_numpys_to_the_bit(library, lanes):
    network = Network(2, 4, (rnn(4, "linear", use_bias=False, recurrent_dropout=RATES),))
    start = np.concatenate([np.eye(4).ravel(), np.zeros(16)]).astype(np.float32)
    places = np.arange(40) % 4  # in the first step, which the state remembers in the second
    seen = seen_factors(library, lanes, network, start, one_at(40, (2, 4), places), 2.0)[..., 16:]
    seen = seen.reshape(3, 40, 4, 4)[:, np.arange(40), places]
    for unit in range(4):
        check_factors(seen[..., unit], masks_of(network, 40)[0, STATE], places)


@networks.needs_kernel
def test_the_factors_of_samples_side_by_side_are_their_places():
    # A batch of 32 windows, each with a feature of its own: one step shows all their factors.
    network = Network(1, 64, (dropout(0.4), dense(1, use_bias=False)))
    x = one_at(64, (1, 64), np.arange(64))
    options = {"epochs": 1, "batch_size": 32, "shuffle": False, "optimizer": SGD(1.0), "lanes": "samples"}
    task = replace(task_of(network, count=64, **options), x=x, y=np.full((64, 1, 1), 16, dtype=np.float32))
    state = TrainingState(np.zeros((1, 64), dtype=np.float32), numbers=np.array([9]), epochs=2)
    fit, group = by_hand(task, state)
    assert not fit()
    masks = dropout_masks(network.architecture, task.seed, np.array([9]), 2, np.arange(64))[0, INPUTS]
    assert np.array_equal(group.weights[0], masks[0, np.arange(64), np.arange(64)])


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
