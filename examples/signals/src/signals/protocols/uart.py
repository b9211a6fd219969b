"""UART: a start bit (0), data bits from the lowest, an optional parity bit, stop bits (1)."""
import numpy as np

from signals.protocols import FramingError

PARITIES = ("none", "even", "odd")


def _parity_bit(bits, parity):
    return (sum(bits) + (parity == "odd")) % 2


def encode(data, samples_per_bit=16, parity="none", stop_bits=1, idle_bits=2):
    bits = [1] * idle_bits
    for byte in data:
        payload = [byte >> k & 1 for k in range(8)]
        bits += [0] + payload
        if parity != "none":
            bits.append(_parity_bit(payload, parity))
        bits += [1] * stop_bits
    bits += [1] * idle_bits
    return np.repeat(np.array(bits, dtype=np.uint8), samples_per_bit)


def decode(levels, samples_per_bit=16, parity="none", stop_bits=1):
    """The bytes. Each frame is aligned anew at its start bit, so a sender may be some per cent off."""
    if parity not in PARITIES:
        raise ValueError("parity must be one of %s" % ", ".join(PARITIES))
    falling = np.flatnonzero((levels[:-1] == 1) & (levels[1:] == 0)) + 1
    length = 9 + (parity != "none") + stop_bits
    centres = ((np.arange(length) + 0.5) * samples_per_bit).astype(int)
    data = bytearray()
    free_from = 0
    for start in falling:
        if start < free_from:
            continue
        if start + centres[-1] >= len(levels):
            raise FramingError("the last frame is cut off")
        bits = levels[start + centres].tolist()
        if bits[0] != 0 or not all(bits[length - stop_bits :]):
            raise FramingError("no stop bit for the frame at sample %d" % start)
        payload = bits[1:9]
        if parity != "none" and bits[9] != _parity_bit(payload, parity):
            raise FramingError("wrong parity in the frame at sample %d" % start)
        data.append(sum(bit << k for k, bit in enumerate(payload)))
        free_from = start + centres[-1]
    return bytes(data)
