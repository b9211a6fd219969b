import numpy as np
import pytest

from signals import generate, measure


@pytest.mark.parametrize(
    "signal, expected",
    [
        (np.ones(10), 1.0),
        (generate.sine(10, 1000, 1000), np.sqrt(0.5)),
        (generate.square(10, 1000, 1000) * 2 - 1, 1.0),
    ],
    ids=["constant", "sine", "square"],
)
def test_rms(signal, expected):
    assert measure.rms(signal) == pytest.approx(expected)


def test_crest_factor_of_a_sine():
    assert measure.crest_factor(generate.sine(10, 1000, 1000)) == pytest.approx(np.sqrt(2))


def test_levels_of_a_noisy_square():
    signal = 0.4 + 2.6 * generate.square(10, 100_000, 100_000) + generate.noise(100_000, 0.02)
    low, high = measure.levels(signal)
    assert low == pytest.approx(0.4, abs=0.05)
    assert high == pytest.approx(3.0, abs=0.05)


def test_allan_deviation_falls_with_the_width_for_white_noise():
    frequencies = generate.noise(100_000, 1e-9, seed=4)
    assert measure.allan_deviation(frequencies, 1) == pytest.approx(1e-9, rel=0.02)
    assert measure.allan_deviation(frequencies, 100) == pytest.approx(1e-10, rel=0.1)


def test_allan_deviation_needs_two_averages():
    with pytest.raises(ValueError, match="fewer than two"):
        measure.allan_deviation(np.zeros(15), 8)


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_moments_of_pieces_are_those_of_the_whole(pieces):
    signal = generate.noise(1000, 3.0, seed=8) + 100
    joined = measure.Moments()
    for piece in np.array_split(signal, pieces):
        joined = joined.join(measure.Moments.of(piece))
    assert joined.count == 1000
    assert joined.mean == pytest.approx(signal.mean())
    assert joined.variance == pytest.approx(signal.var())


def test_moments_of_nothing():
    assert measure.Moments().join(measure.Moments()) == measure.Moments()
