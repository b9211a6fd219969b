import numpy as np
import pytest

from signals import edges, generate, measure, reference
from signals.protocols import i2c, spi, uart


def random_bytes(count, seed):
    return np.random.default_rng(seed).integers(0, 256, count, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("parity", uart.PARITIES)
def test_ten_thousand_uart_frames(parity):
    data = random_bytes(10_000, seed=1)
    assert uart.decode(uart.encode(data, 8, parity), 8, parity) == data


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_five_thousand_spi_bytes(mode):
    data = random_bytes(5000, mode)
    assert spi.decode(*spi.encode(data, mode), mode) == data


def test_many_i2c_transfers():
    transfers = [i2c.Transfer(k % 112 + 8, k % 3 == 0, random_bytes(k % 20, k)) for k in range(300)]
    assert i2c.decode(*i2c.encode(transfers, 2)) == transfers


@pytest.mark.parametrize("band", range(12))
def test_references_of_a_band(band):
    """Each band asks for four references of 16 MB; the cache keeps them all."""
    for k in range(4):
        tone = reference.sine(1000.0 * (4 * band + k + 1), 1e6, 2_000_000)
        assert measure.rms(tone) == pytest.approx(np.sqrt(0.5))


def test_references_are_made_once():
    assert reference.sine(77.0, 1e6, 1000) is reference.sine(77.0, 1e6, 1000)
    assert reference.held_bytes() >= 8000


@pytest.mark.parametrize("seed", range(3))
def test_long_jittery_clock(seed):
    times = generate.clock_edges(1e-5, 10_000, 5e-8, seed)
    rising, falling = edges.crossings(generate.sampled_clock(times, 1e-5, 1e7, 1e-6), 0.3, 0.7)
    assert len(rising) == len(falling) == 10_000
    assert np.std(edges.time_interval_error(rising, 1e7)) == pytest.approx(5e-8, rel=0.05)
