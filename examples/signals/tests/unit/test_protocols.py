import numpy as np
import pytest

from signals.protocols import FramingError, i2c, spi, uart


@pytest.mark.parametrize("parity", uart.PARITIES)
@pytest.mark.parametrize("stop_bits", [1, 2])
def test_uart_round_trip(parity, stop_bits):
    levels = uart.encode(b"Hello, \x00\xff", parity=parity, stop_bits=stop_bits)
    assert uart.decode(levels, parity=parity, stop_bits=stop_bits) == b"Hello, \x00\xff"


def test_uart_knows_the_letter_a():
    # 0x41, lowest bit first, between a start and a stop bit
    levels = uart.encode(b"A", samples_per_bit=1, idle_bits=0)
    assert levels.tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 0, 1]


def test_uart_idle_line_holds_nothing():
    assert uart.decode(np.ones(1000, dtype=np.uint8)) == b""


@pytest.mark.parametrize("wrong, right", [("even", "odd"), ("odd", "even")])
def test_uart_wrong_parity(wrong, right):
    with pytest.raises(FramingError, match="parity"):
        uart.decode(uart.encode(b"x", parity=wrong), parity=right)


def test_uart_missing_stop_bit():
    levels = uart.encode(b"\x00")
    levels[2 * 16 + 9 * 16 : 2 * 16 + 10 * 16] = 0
    with pytest.raises(FramingError, match="stop bit"):
        uart.decode(levels)


def test_uart_frame_cut_off():
    with pytest.raises(FramingError, match="cut off"):
        uart.decode(uart.encode(b"abc")[:-80])


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_spi_round_trip(mode):
    assert spi.decode(*spi.encode(b"\x9f\x00\xff\xa5", mode), mode) == b"\x9f\x00\xff\xa5"


@pytest.mark.parametrize("mode, idle", [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_spi_clock_rests_at_its_polarity(mode, idle):
    _, clock, _ = spi.encode(b"\x55", mode)
    assert clock[0] == clock[-1] == idle


def test_spi_has_four_modes():
    with pytest.raises(ValueError, match="modes"):
        spi.encode(b"", 4)


def test_spi_half_a_byte():
    select, clock, line = spi.encode(b"\xff")
    with pytest.raises(FramingError, match="whole number"):
        spi.decode(select[:40], clock[:40], line[:40])


@pytest.mark.parametrize(
    "transfer",
    [
        i2c.Transfer(0x50, False, b"\x00\x10"),
        i2c.Transfer(0x7F, True, bytes(range(16))),
        i2c.Transfer(0x01, False, b""),
        i2c.Transfer(0x22, False, b"", acknowledged=False),
    ],
    ids=["write", "read", "probe", "nobody there"],
)
def test_i2c_round_trip(transfer):
    assert i2c.decode(*i2c.encode([transfer])) == [transfer]


def test_i2c_several_transfers():
    transfers = [i2c.Transfer(address, address % 2 == 0, bytes([address] * 3)) for address in range(8, 20)]
    assert i2c.decode(*i2c.encode(transfers)) == transfers


def test_i2c_without_a_stop():
    clock, line = i2c.encode([i2c.Transfer(0x50, False, b"\x01")])
    with pytest.raises(FramingError, match="no stop"):
        i2c.decode(clock[:-10], line[:-10])
