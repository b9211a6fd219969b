import numpy as np
import pytest

from signals import edges, generate


def clock(jitter=0.0, rise_time=4e-6, count=200):
    times = generate.clock_edges(1e-4, count, jitter, seed=9)
    return times, generate.sampled_clock(times, 1e-4, 1e6, rise_time)


def test_every_edge_is_found_once():
    _, signal = clock()
    rising, falling = edges.crossings(signal, 0.3, 0.7)
    assert len(rising) == len(falling) == 200
    assert np.all(rising < falling)


def test_positions_are_interpolated():
    rising, falling = edges.crossings(np.array([0.0, 0.0, 1.0, 1.0, 0.2, 0.2]), 0.3, 0.7)
    assert rising.tolist() == [1.5]
    assert falling == pytest.approx([3.625])


def test_noise_within_the_hysteresis_makes_no_edges():
    _, signal = clock()
    rising, _ = edges.crossings(signal + generate.noise(len(signal), 0.04, seed=1), 0.3, 0.7)
    assert len(rising) == 200


def test_constant_signal_has_no_edges():
    rising, falling = edges.crossings(np.ones(100), 0.3, 0.7)
    assert len(rising) == len(falling) == 0


def test_thresholds_in_the_wrong_order():
    with pytest.raises(ValueError, match="threshold"):
        edges.crossings(np.ones(10), 0.7, 0.3)


def test_frequency_and_periods():
    rising, _ = edges.crossings(clock()[1], 0.3, 0.7)
    assert edges.frequency(rising, 1e6) == pytest.approx(10_000, rel=1e-6)
    assert np.allclose(edges.periods(rising, 1e6), 1e-4)


@pytest.mark.parametrize("duty", [0.2, 0.5, 0.75])
def test_duty_cycle(duty):
    rising, falling = edges.crossings(generate.square(100, 100_000, 100_000, duty), 0.3, 0.7)
    assert edges.duty_cycle(rising, falling) == pytest.approx(duty, abs=0.002)


@pytest.mark.parametrize("rise_time", [5e-6, 10e-6, 20e-6])
def test_rise_time_is_eight_tenths_of_a_linear_slope(rise_time):
    assert edges.rise_time(clock(rise_time=rise_time, count=3)[1], 1e6) == pytest.approx(0.8 * rise_time, rel=0.05)


def test_rise_time_needs_an_edge():
    with pytest.raises(ValueError, match="edge"):
        edges.rise_time(np.zeros(10), 1.0)


@pytest.mark.parametrize("jitter", [2e-7, 1e-6])
def test_time_interval_error_shows_the_jitter(jitter):
    rising, _ = edges.crossings(clock(jitter, count=500)[1], 0.3, 0.7)
    assert np.std(edges.time_interval_error(rising, 1e6)) == pytest.approx(jitter, rel=0.15)


def test_steady_clock_has_no_jitter():
    rising, _ = edges.crossings(clock()[1], 0.3, 0.7)
    assert edges.period_jitter(rising, 1e6) < 1e-12
    assert edges.cycle_to_cycle_jitter(rising, 1e6) < 1e-12
