"""Frames on a stream socket: length (4 bytes, little endian, of what follows), type (1 byte), payload.

Every name used while tests run is bound at import: a test may replace what `os` or `builtins` hold.
The types are listed in src/suite/pytest/protocol.h.
"""
import array
import fcntl
import os
import socket
import struct

_read, _write, _pack, _unpack, _len = os.read, os.write, struct.pack, struct.unpack, len
_memoryview, _bytearray, _bytes, _min = memoryview, bytearray, bytes, min
# Out of the way of tests that close or count low descriptors.
_FIRST_DESCRIPTOR = 200
_HEAP, _BODY = 4, 8


class Closed(Exception):
    """The other side is gone."""


def frame(kind, payload=b""):
    return _pack("<IB", _len(payload) + 1, kind) + payload


def heap_fields(figures, body_peak):
    """The flags and the fields of FINISHED that tell of the heap; either may be unknown."""
    if figures is None:
        return 0, b""
    fields = _pack("<QQQ", *figures)
    return (_HEAP, fields) if body_peak is None else (_HEAP | _BODY, fields + _pack("<Q", body_peak))


class Channel:
    """One end of a connection; owns the descriptor."""

    def __init__(self, descriptor):
        try:
            self.descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
        except OSError:  # the limit on descriptors is that low
            self.descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(descriptor)
        self.read_ahead = b""

    def send(self, frames):
        view = _memoryview(frames)
        while view:
            try:
                view = view[_write(self.descriptor, view) :]
            except (BrokenPipeError, ConnectionResetError):
                raise Closed() from None

    def _exactly(self, count):
        parts = _bytearray()
        while _len(parts) < count:
            parts += self._some(_min(count - _len(parts), 1 << 20))
        return _bytes(parts)

    def _some(self, most):
        try:
            part = _read(self.descriptor, most)
        except ConnectionResetError:
            part = b""
        if not part:
            raise Closed()
        return part

    def receive(self):
        """The next frame's type and payload; waits for it."""
        size, kind = _unpack("<IB", self._exactly(5))
        return kind, self._exactly(size - 1)

    def has_read_ahead(self):
        """Whether the next `receive_ahead` begins with what is here already."""
        return _len(self.read_ahead) > 0

    def receive_ahead(self):
        """Like `receive`, for many small frames: reads as many as there are. Not to be mixed with the other two."""
        buffer = self.read_ahead
        while _len(buffer) < 5:
            buffer += self._some(1 << 16)
        size, kind = _unpack("<IB", buffer[:5])
        if _len(buffer) < 4 + size:
            self.read_ahead = b""
            return kind, buffer[5:] + self._exactly(4 + size - _len(buffer))
        self.read_ahead = buffer[4 + size :]
        return kind, buffer[5 : 4 + size]

    def receive_with_descriptor(self):
        """The same for a frame that may come with a descriptor, which belongs to the caller then."""
        with socket.socket(fileno=os.dup(self.descriptor)) as endpoint:
            head, ancillary, _, _ = endpoint.recvmsg(5, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
        descriptor = None
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(data[: _len(data) - _len(data) % received.itemsize])
                descriptor = received[0]
        if not head:
            raise Closed()
        if _len(head) < 5:
            head += self._exactly(5 - _len(head))
        size, kind = _unpack("<IB", head)
        return kind, self._exactly(size - 1), descriptor

    def close(self):
        os.close(self.descriptor)


# fittest -> session
REPLAY, VERDICT, FINISH, ANSWER = b"RVFA"
# session -> fittest
TESTS, COLLECTED, STOP, ASK = b"TCSO"
# fittest -> zygote, and back
FORK, WAIT = b"KW"
FORKED, ENDED = b"kx"
# fittest -> worker
BATCH, RETIRE = b"BQ"
# worker -> fittest
READY, STARTED, FINISHED, AMENDED, BATCH_DONE, ASKS_TO_STOP = b"rseadp"
