import numpy as np
import pytest

from signals import edges, measure


def test_levels(digital_recording):
    low, high = measure.levels(digital_recording)
    assert low == pytest.approx(0.0, abs=0.05)
    assert high == pytest.approx(1.0, abs=0.05)


def test_number_of_edges(digital_recording):
    rising, falling = edges.crossings(digital_recording, 0.3, 0.7)
    assert len(falling) == 2000
    assert len(rising) == 1999  # it starts high


def test_frequency(digital_recording, rate):
    rising, _ = edges.crossings(digital_recording, 0.3, 0.7)
    assert edges.frequency(rising, rate) == pytest.approx(200.0, rel=1e-6)


def test_duty(digital_recording):
    rising, falling = edges.crossings(digital_recording, 0.3, 0.7)
    assert edges.duty_cycle(rising, falling) == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("factor", [2, 10])
def test_downsampling_keeps_the_mean(digital_recording, factor):
    assert digital_recording[::factor].mean() == pytest.approx(0.3, abs=2e-3)


def test_histogram_has_two_hills(digital_recording):
    counts, _ = np.histogram(digital_recording, 50)
    assert counts[15:35].sum() < 0.001 * counts.sum()
