import numpy as np
import pytest

from signals import filters, measure, spectrum


def test_rms_of_a_long_recording(recording):
    assert measure.rms(recording) == pytest.approx(np.sqrt(0.5 + 0.01), rel=1e-3)


def test_crest_factor_of_a_long_recording(recording):
    assert 1.4 < measure.crest_factor(recording) < 2.5


def test_spectral_peak(recording, rate):
    assert spectrum.peak_frequency(recording, rate) == pytest.approx(50_000.0, abs=0.01)


def test_moving_average_takes_out_the_tone(recording):
    assert measure.rms(filters.moving_average(recording, 20)) < 0.03


@pytest.mark.parametrize("corner", [80_000.0, 150_000.0])
def test_lowpass_lowers_the_noise(recording, rate, corner):
    kept = filters.lowpass(recording, rate, corner, order=2)
    assert np.sqrt(0.5) * 0.7 < measure.rms(kept) < measure.rms(recording)


@pytest.mark.parametrize("low, high, power", [(45_000, 55_000, 0.5), (200_000, 300_000, 0.002)])
def test_power_of_a_band(recording, rate, low, high, power):
    assert spectrum.band_power(recording, rate, low, high) == pytest.approx(power, rel=0.1)


@pytest.mark.parametrize("pieces", [2, 16])
def test_moments_in_pieces(recording, pieces):
    joined = measure.Moments()
    for piece in np.array_split(recording, pieces):
        joined = joined.join(measure.Moments.of(piece))
    assert joined.variance == pytest.approx(np.var(recording))


def test_channels_differ_only_by_their_delay(recording, second_channel):
    assert np.array_equal(recording[:-1000], second_channel[1000:])


def test_difference_of_the_channels(recording, second_channel):
    # 1000 samples are 50 whole periods of the tone: only noise is left.
    assert measure.rms(recording[1000:] - second_channel[1000:]) == pytest.approx(0.1 * np.sqrt(2), rel=0.01)


def test_percentiles(recording):
    low, middle, high = np.percentile(recording, [1, 50, 99])
    assert low == pytest.approx(-high, rel=0.01)
    assert abs(middle) < 0.01


def test_delay_between_whole_channels(recording, second_channel, rate):
    """The largest of all: both channels, padded, and their spectra at once, about 600 MB."""
    half = len(recording) * 6 // 10
    assert spectrum.delay(recording[:half], second_channel[:half], rate) == pytest.approx(1000 / rate)
