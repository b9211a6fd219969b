"""From a disturbed line to bytes: generate, filter, find levels, decode."""
import numpy as np
import pytest

from signals import edges, filters, generate, measure, spectrum
from signals.protocols import i2c, spi, uart


def disturbed(levels, seed, hum=0.1):
    count = len(levels)
    return 3.3 * levels + generate.sine(50, 1e6, count, hum) + generate.noise(count, 0.15, seed)


def sliced(signal):
    """Back to zeros and ones."""
    low, high = measure.levels(signal, 40)
    return (signal > (low + high) / 2).astype(np.uint8)


@pytest.mark.parametrize("message", [b"ping", b"temperature=21.5", bytes(range(256))], ids=["short", "text", "all"])
def test_uart_through_a_noisy_line(message):
    line = disturbed(uart.encode(message, 20, "even"), seed=len(message))
    assert uart.decode(sliced(filters.despike(line, 5)), 20, "even") == message


@pytest.mark.parametrize("mode", [0, 3])
def test_spi_through_a_noisy_line(mode):
    message = bytes(np.random.default_rng(mode).integers(0, 256, 200, dtype=np.uint8))
    lines = [sliced(disturbed(levels, k)) for k, levels in enumerate(spi.encode(message, mode, half_clock=8))]
    assert spi.decode(*lines, mode) == message


def test_i2c_through_a_noisy_line():
    transfers = [i2c.Transfer(0x48, False, b"\x01\x60"), i2c.Transfer(0x48, True, b"\x15\x80")]
    clock, line = (sliced(disturbed(levels, k)) for k, levels in enumerate(i2c.encode(transfers, 8)))
    assert i2c.decode(clock, line) == transfers


@pytest.mark.parametrize("rate_error", [-0.03, 0.0, 0.03])
def test_uart_sender_with_a_wrong_clock(rate_error):
    levels = uart.encode(b"The quick brown fox", 100)
    positions = (np.arange(int(len(levels) * (1 - rate_error))) / (1 - rate_error)).astype(int)
    assert uart.decode(levels[positions[positions < len(levels)]], 100) == b"The quick brown fox"


def test_recording_survives_a_file(tmp_path):
    signal = generate.sine(1000, 48_000, 480_000)
    np.save(tmp_path / "signal.npy", signal)
    again = np.load(tmp_path / "signal.npy", mmap_mode="r")
    assert spectrum.peak_frequency(again, 48_000) == pytest.approx(1000, abs=0.01)


def test_hum_is_found_and_taken_out():
    signal = generate.sine(440, 8000, 80_000) + generate.sine(50, 8000, 80_000, 2.0)
    hum = spectrum.peak_frequency(signal, 8000)
    assert hum == pytest.approx(50, abs=0.1)
    assert spectrum.peak_frequency(filters.notch(signal, 8000, hum), 8000) == pytest.approx(440, abs=0.1)


def test_calibrated_gain(calibration):
    measured = calibration["gain"] * calibration["sweep"]
    response = np.abs(np.fft.rfft(measured))
    strong = calibration["response"] > 100
    assert np.median(response[strong] / calibration["response"][strong]) == pytest.approx(0.5)


@pytest.mark.parametrize("jitter", [0.0, 2e-8])
def test_jitter_of_a_recorded_clock(jitter):
    signal = generate.sampled_clock(generate.clock_edges(1e-5, 2000, jitter, seed=6), 1e-5, 1e7, 1e-6)
    rising, _ = edges.crossings(signal, 0.3, 0.7)
    assert edges.period_jitter(rising, 1e7) == pytest.approx(jitter * np.sqrt(2), rel=0.1, abs=1e-10)
