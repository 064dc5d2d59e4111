"""What the worker process may not do, whatever a document makes a parser do: no network, no program, no file but Python's own.

Two doors of the Linux kernel that need no privileges: seccomp refuses system calls, Landlock refuses paths. Where the kernel has
none of them (very old ones, other processors) the limits remain, and the parsers' own refusal to follow what documents name.
"""

import ctypes
import errno
import mimetypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


def confine() -> None:
    """Gives up what reading a document does not need, for ever. Call it before there is a second thread."""
    mimetypes.init(files=[])  # it would read /etc/mime.types, and fail
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    _landlock(libc, [*sys.path, *LIBRARIES])
    _seccomp(libc)


# Landlock: linux/landlock.h. The first version knew 13 rights over files, later ones some more, and from the fourth on TCP.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}


def _landlock(libc: ctypes.CDLL, readable: Iterable[str]) -> None:
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ASK_VERSION)
    if version < 1:
        return  # not in this kernel
    attributes = struct.pack("=Q", FILE_RIGHTS[min(version, 5)])
    rules = _checked(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    for path in readable:
        with suppress(FileNotFoundError, NotADirectoryError):
            _allow(libc, rules, Path(path).resolve(strict=True))
    _checked(libc.syscall(RESTRICT_SELF, rules, 0))
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path) -> None:
    rights = READ_FILE | READ_DIR if path.is_dir() else READ_FILE
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", rights, handle)
    _checked(libc.syscall(ADD_RULE, rules, PATH_BENEATH, rule, 0))
    os.close(handle)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock was refused")
    return result


# seccomp: a classic BPF program over struct seccomp_data {int nr; u32 arch; u64 instruction_pointer; u64 args[6]}.
LOAD, EQUAL, GREATER_EQUAL, SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
CLONE_THREAD = 0x00010000
OTHER_ABI = 0x40000000
CALLS = {
    "x86_64": (0xC000003E, (41, 42, 49, 57, 58, 59, 322, 101, 310, 311, 425), 56),
    "aarch64": (0xC00000B7, (198, 203, 200, 221, 281, 117, 270, 271, 425), 220),
}
"""Processor → its number, those of the refused calls, and that of clone. Refused are socket, connect, bind, fork, vfork, execve,
execveat, ptrace, process_vm_readv, process_vm_writev and io_uring_setup; aarch64 has no fork and vfork."""
CLONE3 = 435


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp(libc: ctypes.CDLL) -> None:
    if platform.machine() not in CALLS:
        return
    code = _filter(*CALLS[platform.machine()])
    program = _Program(len(code) // 8, code)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS):  # a kernel without it
            raise OSError(number, "seccomp was refused")


def _filter(architecture: int, calls: tuple[int, ...], clone: int) -> bytes:
    """Threads are made by clone, processes too; clone3 hides which in memory, so that the C library is sent back to clone."""
    denied = REFUSE | errno.EPERM
    tests = [(EQUAL, number) for number in calls] + [(GREATER_EQUAL, OTHER_ABI)]
    refusal = len(tests) + 4
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 0, refusal + 1, architecture),  # another processor's calls are refused as well
        (LOAD, 0, 0, NUMBER),
    ]
    program += [(test, refusal - index - 1, 0, number) for index, (test, number) in enumerate(tests)]
    program += [
        (EQUAL, 4, 0, CLONE3),
        (EQUAL, 0, 4, clone),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (SET, 2, 0, CLONE_THREAD),
        (RETURN, 0, 0, denied),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
