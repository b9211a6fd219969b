"""Bounds far above what any machine of today needs; they find algorithms of the wrong order."""
import time

import pytest

from signals import edges, filters, generate, measure, spectrum
from signals.protocols import uart

MILLION = 1_000_000


def seconds(function, *arguments):
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


@pytest.fixture(scope="module")
def tone():
    return generate.sine(10_000, 1e6, MILLION) + generate.noise(MILLION, 0.1)


@pytest.mark.parametrize(
    "function, arguments, limit",
    [
        (spectrum.peak_frequency, (1e6,), 3.0),
        (spectrum.band_power, (1e6, 1000, 2000), 3.0),
        (filters.lowpass, (1e6, 50_000), 3.0),
        (filters.moving_average, (1000,), 1.0),
        (filters.despike, (), 6.0),
        (measure.levels, (), 3.0),
        (measure.Moments.of, (), 1.0),
    ],
    ids=["peak", "band", "lowpass", "average", "despike", "levels", "moments"],
)
def test_a_million_samples(tone, function, arguments, limit):
    assert seconds(function, tone, *arguments) < limit


def test_average_does_not_depend_on_its_width(tone):
    narrow = min(seconds(filters.moving_average, tone, 2) for _ in range(3))
    wide = min(seconds(filters.moving_average, tone, 100_000) for _ in range(3))
    assert wide < 5 * narrow + 0.05


def test_decoding_grows_linearly():
    def cost(count):
        levels = uart.encode(bytes(count), 8)
        return min(seconds(uart.decode, levels, 8) for _ in range(3))

    assert cost(8000) < 40 * cost(1000) + 0.05


def test_edges_of_a_million_samples():
    assert seconds(edges.crossings, generate.square(1000, 1e6, MILLION), 0.3, 0.7) < 3.0
