"""What happens when a test keeps its data "for debugging"."""
import numpy as np
import pytest

from signals import filters

_last_recordings = []


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0, 4.0])
def test_gain_is_linear(recording, gain):
    _last_recordings.append(recording)  # nobody ever empties this list
    assert np.abs(gain * recording).mean() == pytest.approx(gain * np.abs(recording).mean())


def test_smoothing_keeps_the_length(recording):
    assert len(filters.moving_average(recording, 5)) == len(recording) - 4
