"""The few Linux calls that Python does not offer: what happens to a child when its parent dies, user namespaces.

Everything here runs between fork and exec, so it allocates little and imports nothing.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Ask the kernel to send ``death_signal`` when the process that forked us dies; ``parent`` is its pid.

    A change of user clears the request, so it comes last before exec. Only Linux has it.
    """
    if not sys.platform.startswith("linux"):
        return
    if _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def enter_user_namespace(uid: int, gid: int) -> None:
    """Appear as ``uid:gid`` to ourselves while files still belong to the real user; raises OSError when refused."""
    real_uid, real_gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER) was refused")
    _write("/proc/self/uid_map", f"{uid} {real_uid} 1")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"{gid} {real_gid} 1")


def switch_user(uid: int, gid: int) -> None:
    """Become ``uid:gid`` for good, without any other group."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process, which tells it from a later one with its pid; None: gone."""
    try:
        with Path(f"/proc/{pid}/stat").open(encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
