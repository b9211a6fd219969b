from pathlib import Path

import numpy as np
import pytest

from signals import generate

RATE = 1_000_000.0

_KINDS = {"memory": "memory_intensive"}


def pytest_collection_modifyitems(items):
    """Each folder of tests/ is a kind: its tests get the marker of that name."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        item.add_marker(_KINDS.get(folder, folder))


@pytest.fixture
def rate():
    return RATE


@pytest.fixture(scope="session")
def calibration():
    """The response of the measuring chain: one chirp and its spectrum, made once for the whole session."""
    sweep = generate.chirp(10.0, 400_000.0, RATE, 500_000)
    return {"sweep": sweep, "response": np.abs(np.fft.rfft(sweep)), "gain": 0.5}
