"""Ends while threads that do not have the interpreter lock go on allocating, and while destructors run late."""
import atexit
import ctypes
import sys
import threading

unlocked = ctypes.CDLL(None)
unlocked.probe_spin.argtypes = [ctypes.c_uint64]


class Late:
    def __del__(self):
        [bytearray(600) for _ in range(50)]


late = Late()
late.itself = late
sys.late = Late()
# In C for good: the states of these threads are freed below them. (Threads that want the lock at that time are a danger
# of CPython's own, up to 3.12.)
for _ in range(5):
    threading.Thread(target=unlocked.probe_spin, args=(0,), daemon=True).start()
atexit.register(lambda: [bytearray(700) for _ in range(1000)])


def deeper(n):
    if n:
        deeper(n - 1)
    else:
        [bytearray(600) for _ in range(200)]


deeper(100)
