"""Ten million samples, made again for each test that asks: what makes a suite like this need so much memory."""
import pytest

from signals import generate

SAMPLES = 10_000_000


@pytest.fixture
def recording(rate):
    """Ten seconds of a 50 kHz tone in noise: 80 MB, and as much again while it is made."""
    return generate.sine(50_000.0, rate, SAMPLES) + generate.noise(SAMPLES, 0.1, seed=1)


@pytest.fixture
def second_channel(recording):
    """The same, seen 1000 samples later."""
    shifted = recording.copy()
    shifted[1000:] = recording[:-1000]
    return shifted


@pytest.fixture
def digital_recording(rate):
    """A 200 Hz square wave with noise."""
    return generate.square(200.0, rate, SAMPLES, 0.3) + generate.noise(SAMPLES, 0.03, seed=2)
