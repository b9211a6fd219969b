"""Figures end up in files. Nobody closes them, so each one stays until the process ends."""
import pytest

from signals import generate, plot
from signals.protocols import uart


def saved(figure, folder):
    target = folder / "figure.png"
    figure.savefig(target, dpi=100)
    return target.read_bytes()


@pytest.mark.parametrize("frequency", [100, 300, 1000, 3000])
def test_waveform(frequency, tmp_path):
    figure = plot.waveform(generate.sine(frequency, 48_000, 48_000), 48_000, "%d Hz" % frequency)
    assert figure.axes[0].get_title() == "%d Hz" % frequency
    assert saved(figure, tmp_path).startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [1000, 100_000, 400_000])
def test_spectrum(count, tmp_path):
    figure = plot.amplitude_spectrum(generate.sine(1000, 48_000, count) + generate.noise(count, 0.01), 48_000)
    line = figure.axes[0].lines[0]
    assert len(line.get_xdata()) == count // 2
    assert saved(figure, tmp_path).startswith(b"\x89PNG")


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_eye_diagram(noise, tmp_path):
    levels = uart.encode(bytes(range(0, 250, 5)), 16).astype(float)
    figure = plot.eye_diagram(levels + generate.noise(len(levels), noise), 16)
    assert len(figure.axes[0].lines) == len(levels) // 32
    assert len(saved(figure, tmp_path)) > 5000


@pytest.mark.parametrize("seconds", [10, 15, 20])
@pytest.mark.parametrize("kind", ["tone", "chirp"])
def test_overview_of_a_recording(kind, seconds, tmp_path):
    """The figure keeps the samples it was drawn from, and what it made of them."""
    count = seconds * 40_000
    signal = generate.sine(50, 4e4, count) if kind == "tone" else generate.chirp(1, 800, 4e4, count)
    figure = plot.waveform(signal, 4e4, "%s, %d s" % (kind, seconds))
    assert figure.axes[0].get_xlim()[1] >= seconds
    assert saved(figure, tmp_path).startswith(b"\x89PNG")
