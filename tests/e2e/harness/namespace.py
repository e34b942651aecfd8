"""A network namespace of one's own, in which the loopback device has whatever addresses a test needs (Linux)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from types import TracebackType

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
_IFF_UP = 1


class Namespace:
    """The calling thread is inside from the beginning of `with` to its end, and with it every thread and process that it
    starts meanwhile. Making one takes CAP_SYS_ADMIN: without, `PermissionError`."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    def __enter__(self) -> Namespace:
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _system("unshare", _CLONE_NEWNET)
        except OSError:
            os.close(self._outside)
            raise
        try:
            _bring_up(self._addresses)
        except OSError:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._leave()

    def _leave(self) -> None:
        _system("setns", self._outside, _CLONE_NEWNET)
        os.close(self._outside)


def _system(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _bring_up(addresses: tuple[str, ...]) -> None:
    """Bringing the loopback device up gives it 127.0.0.1; each further address has a label of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))
        for number, address in enumerate(addresses):
            for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.255")):
                fcntl.ioctl(control, request, struct.pack("16sHH4s16x", f"lo:{number}".encode(), socket.AF_INET, 0,
                                                          socket.inet_aton(value)))
