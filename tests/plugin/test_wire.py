"""Frames between the two sides: what src/suite/pytest/protocol.h says, seen from here."""
import array
import os
import random
import re
import socket
import struct
import threading
from pathlib import Path

import pytest
from fittest_pytest import wire

pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture
def ends():
    """A channel, and the other end as a plain socket."""
    ours, other = socket.socketpair()
    channel = wire.Channel(ours.detach())
    yield channel, other
    other.close()
    try:
        channel.close()
    except OSError:
        pass


def test_a_frame_is_length_type_payload():
    assert wire.frame(wire.READY, b"abc") == struct.pack("<IB", 4, ord("r")) + b"abc"
    assert wire.frame(wire.RETIRE) == b"\x01\x00\x00\x00Q"


def test_the_types_are_those_of_the_program():
    text = (Path(__file__).parents[2] / "src/suite/pytest/protocol.h").read_text()
    theirs = {name: char for name, char in re.findall(r"^  (\w+) = '(.)',", text, re.M)}
    ours = {name.lower(): chr(value) for name, value in vars(wire).items()
            if name.isupper() and isinstance(value, int) and not name.startswith("_")}
    ours.pop("start_tests", None)
    assert ours == theirs
    assert len(set(theirs.values())) == len(theirs)


def test_the_channel_is_out_of_the_way_and_not_inherited():
    ours, other = socket.socketpair()
    low = ours.detach()
    channel = wire.Channel(low)
    assert channel.descriptor >= 200
    assert not os.get_inheritable(channel.descriptor)
    with pytest.raises(OSError):
        os.fstat(low)
    other.close()
    channel.close()


@pytest.mark.parametrize("way", ["receive", "receive_ahead"])
def test_frames_come_back_whole_and_in_order(ends, way):
    channel, other = ends
    source = random.Random(1)
    sent = [(source.randrange(256), source.randbytes(source.choice([0, 1, 10, 100_000]))) for _ in range(200)]
    stream = b"".join(wire.frame(*one) for one in sent)

    def speak():
        at = 0
        while at < len(stream):
            at += other.send(stream[at : at + source.choice([1, 3, 4, 5, 1000, 70_000])])

    speaker = threading.Thread(target=speak)
    speaker.start()
    received = [getattr(channel, way)() for _ in sent]
    speaker.join()
    assert received == sent
    assert not channel.has_read_ahead()


def test_what_was_read_ahead_is_known_to_wait(ends):
    channel, other = ends
    other.sendall(wire.frame(wire.REPLAY, b"one") + wire.frame(wire.FINISH, b"two")[:3])
    assert channel.receive_ahead() == (wire.REPLAY, b"one")
    assert channel.has_read_ahead()
    other.sendall(wire.frame(wire.FINISH, b"two")[3:])
    assert channel.receive_ahead() == (wire.FINISH, b"two")
    assert not channel.has_read_ahead()


def test_what_is_sent_arrives_though_nobody_reads_at_first(ends):
    channel, other = ends
    frames = wire.frame(wire.FINISHED, os.urandom(5 << 20)) + wire.frame(wire.BATCH_DONE, b"end")
    received = bytearray()

    def listen():
        while len(received) < len(frames):
            received.extend(other.recv(1 << 16))

    listener = threading.Thread(target=listen)
    listener.start()
    channel.send(frames)
    listener.join()
    assert received == frames


def test_the_end_of_the_other_side_is_told(ends):
    channel, other = ends
    other.sendall(wire.frame(wire.RETIRE))
    other.close()
    assert channel.receive() == (wire.RETIRE, b"")
    with pytest.raises(wire.Closed):
        channel.receive()
    with pytest.raises(wire.Closed):
        channel.send(b"x" * 1000)


@pytest.mark.parametrize("way", ["receive", "receive_ahead"])
@pytest.mark.parametrize("cut", [1, 4, 5, 8])
def test_the_end_in_the_middle_of_a_frame_is_told(ends, cut, way):
    channel, other = ends
    other.sendall(wire.frame(wire.BATCH, b"payload")[:cut])
    other.close()
    with pytest.raises(wire.Closed):
        getattr(channel, way)()


def send_descriptor(other, frame, *descriptors):
    other.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


def test_a_descriptor_comes_beside_a_frame(ends):
    channel, other = ends
    read_end, write_end = os.pipe()
    send_descriptor(other, wire.frame(wire.FORK, b"{}"), write_end)
    os.close(write_end)
    kind, payload, descriptor = channel.receive_with_descriptor()
    assert (kind, payload) == (wire.FORK, b"{}")
    assert not os.get_inheritable(descriptor)
    os.write(descriptor, b"through it")
    os.close(descriptor)
    assert os.read(read_end, 100) == b"through it"
    assert os.read(read_end, 100) == b"", "a copy of the descriptor is still open"
    os.close(read_end)


def test_frames_without_a_descriptor_have_none_and_take_none_from_the_next(ends):
    channel, other = ends
    other.sendall(wire.frame(wire.WAIT, b"1234"))
    assert channel.receive_with_descriptor() == (wire.WAIT, b"1234", None)
    read_end, write_end = os.pipe()
    other.sendall(wire.frame(wire.WAIT, b"1234"))
    send_descriptor(other, wire.frame(wire.FORK, b"a"), read_end)
    send_descriptor(other, wire.frame(wire.FORK, b"b"), write_end)
    assert channel.receive_with_descriptor() == (wire.WAIT, b"1234", None)
    kind, payload, first = channel.receive_with_descriptor()
    assert (kind, payload) == (wire.FORK, b"a") and first is not None
    kind, payload, second = channel.receive_with_descriptor()
    assert (kind, payload) == (wire.FORK, b"b") and second is not None
    os.write(second, b"x")
    assert os.read(first, 1) == b"x"
    for descriptor in (read_end, write_end, first, second):
        os.close(descriptor)


@pytest.mark.parametrize("cut", [1, 3, 5, 6])
def test_a_frame_with_a_descriptor_may_come_in_pieces(ends, cut):
    channel, other = ends
    frame = wire.frame(wire.FORK, b"payload")
    with open(os.devnull) as file:
        send_descriptor(other, frame[:cut], file.fileno())
    speaker = threading.Thread(target=lambda: other.sendall(frame[cut:]))
    speaker.start()
    kind, payload, descriptor = channel.receive_with_descriptor()
    speaker.join()
    assert (kind, payload) == (wire.FORK, b"payload")
    os.close(descriptor)


def test_the_end_is_told_to_who_waits_for_a_descriptor(ends):
    channel, other = ends
    other.close()
    with pytest.raises(wire.Closed):
        channel.receive_with_descriptor()


def test_no_descriptor_is_lost_however_many_frames(ends):
    channel, other = ends
    before = len(os.listdir("/proc/self/fd"))
    with open(os.devnull) as file:
        for _ in range(300):
            send_descriptor(other, wire.frame(wire.FORK, b"x"), file.fileno())
            os.close(channel.receive_with_descriptor()[2])
    assert len(os.listdir("/proc/self/fd")) == before
