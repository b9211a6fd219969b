import numpy as np
import pytest

from signals import generate


def test_times_start_at_zero_and_step_by_the_period():
    assert generate.times(4, 8.0).tolist() == [0.0, 0.125, 0.25, 0.375]


@pytest.mark.parametrize("amplitude", [0.5, 1.0, 20.0])
def test_sine_reaches_its_amplitude(amplitude):
    signal = generate.sine(10, 1000, 1000, amplitude)
    assert signal.max() == pytest.approx(amplitude)
    assert signal.min() == pytest.approx(-amplitude)


def test_sine_starts_at_its_phase():
    assert generate.sine(10, 1000, 10, phase=np.pi / 2)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("duty", [0.1, 0.25, 0.5, 0.9])
def test_square_is_high_for_its_duty(duty):
    assert generate.square(10, 10_000, 10_000, duty).mean() == pytest.approx(duty, abs=0.002)


@pytest.mark.parametrize("duty", [-0.1, 0.0, 1.0, 2.0])
def test_square_refuses_a_duty_that_is_none(duty):
    with pytest.raises(ValueError, match="duty"):
        generate.square(10, 1000, 100, duty)


def test_chirp_gets_faster():
    signal = generate.chirp(10, 400, 10_000, 10_000)
    turns = np.flatnonzero(np.diff(np.sign(signal)))
    assert np.sum(turns < 5000) < 0.4 * np.sum(turns >= 5000)


def test_noise_repeats_for_a_seed():
    assert np.array_equal(generate.noise(100, seed=3), generate.noise(100, seed=3))
    assert not np.array_equal(generate.noise(100, seed=3), generate.noise(100, seed=4))


def test_clock_edges_without_jitter_are_even():
    assert np.allclose(np.diff(generate.clock_edges(1e-6, 100)), 1e-6)


def test_sampled_clock_stays_between_its_levels():
    signal = generate.sampled_clock(generate.clock_edges(1e-3, 20), 1e-3, 1e6, 5e-5)
    assert signal.min() == 0.0 and signal.max() == 1.0
