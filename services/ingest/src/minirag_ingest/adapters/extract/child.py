"""The worker's own process: reads hostile documents under limits, one at a time, and holds no secrets.

Started as ``python -I -m minirag_ingest.adapters.extract.child MEMORY_BYTES CPU_SECONDS PARENT_PID``. On standard input
come jobs, on standard output go their results; each is four bytes of length, a JSON header, four bytes of length, a body.
A job whose header has a ``chunk`` brings a stored document and wants its chunks; one with ``archive`` brings an archive ("open")
and wants its listing, or wants a file (an index) of the one that it brought before; one with a ``survey`` brings what a crawl has
fetched and wants what it says to crawlers; any other brings a file and wants its text.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from minirag_ingest.adapters.extract.errors import LENGTH, OUT_OF_MEMORY, TOO_COMPLEX, Unreadable
from minirag_ingest.adapters.extract.registry import extract
from minirag_ingest.adapters.extract.sandbox import confine

PR_SET_PDEATHSIG = 1
TOO_DEEP = "The document is nested too deeply to be read."


def main(memory: int, cpu_seconds: int, parent: int) -> None:
    """Until standard input ends, the parent dies, or a document is too much."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    jobs, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the results
    status = os.open("/proc/self/status", os.O_RDONLY)  # while it may be opened
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    confine()
    try:
        _serve(jobs, results, cpu_seconds, lambda: _peak(status) > memory // 2)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _serve(jobs: BinaryIO, results: BinaryIO, cpu_seconds: int, spent: Callable[[], bool]) -> None:
    while (job := _read(jobs)) is not None:
        _allow_cpu(job[0].get("cpu_seconds", cpu_seconds))
        answer, body = _work(*job)
        del job
        answer["spent"] = spent()
        _write(results, answer, body)


def _peak(status: int) -> int:
    """Bytes; what a large document took may not come back, and would be missing for the next one.

    Not ``ru_maxrss``: that begins with the peak of whoever started this process, so that a large service had a new one for
    each document.
    """
    lines = os.pread(status, 4096, 0).split(b"\n")
    return next(int(line.split()[1]) for line in lines if line.startswith(b"VmHWM:")) * 1024


def _allow_cpu(seconds: int) -> None:
    """So many more seconds of processor time than used so far; after that the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _work(job: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return {"ok": True}, _answer(job, data)
    except Unreadable as error:
        return {"ok": False, "code": error.code, "sentence": str(error)}, b""
    except MemoryError:
        return {"ok": False, "code": Unreadable.code, "sentence": TOO_COMPLEX}, b""
    except RecursionError:
        return {"ok": False, "code": Unreadable.code, "sentence": TOO_DEEP}, b""
    except Exception as error:  # noqa: BLE001  # a library's surprise at a broken file; its text may quote the file, so only its type is told
        return {"ok": False, "code": "unexpected", "sentence": type(error).__name__}, b""


def _answer(job: dict[str, Any], data: bytes) -> bytes:
    if "archive" in job:
        return _archived(job["archive"], data)
    if "chunk" in job:
        return _chunks(job, data)
    return _survey(job, data) if "survey" in job else _text(job, data)


def _survey(job: dict[str, Any], data: bytes) -> bytes:
    from minirag_ingest.adapters.extract import survey

    match job["survey"]:
        case "page":
            found = survey.page(data, job["charset"], job["header"])
        case "sitemap":
            found = survey.sitemap(data)
        case _:
            found = survey.robots(data.decode("utf-8", "replace"), job["urls"])
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")


def _text(job: dict[str, Any], data: bytes) -> bytes:
    document = extract(data, filename=job["filename"], media_type=job["media_type"], charset=job["charset"])
    return json.dumps(document.to_json(), ensure_ascii=False).encode("utf-8", "replace")


def _chunks(job: dict[str, Any], data: bytes) -> bytes:
    from minirag_ingest.adapters.extract.tokenizer import MiniLmTokens
    from minirag_ingest.domain.chunking import chunks_of
    from minirag_ingest.domain.document import Document
    from minirag_ingest.domain.sizes import Sizes

    global _tokens  # noqa: PLW0603  # one for all jobs: loading it takes a tenth of a second
    _tokens = _tokens or MiniLmTokens()
    document = Document.from_json(json.loads(data))
    chunks = chunks_of(document, job["title"], job["url"], _tokens, Sizes(*job["chunk"]))
    return json.dumps([chunk.model_dump() for chunk in chunks], ensure_ascii=False).encode("utf-8", "replace")


def _archived(wanted: str | int, data: bytes) -> bytes:
    from minirag_ingest.adapters.extract.unpack import Archive

    global _archive  # noqa: PLW0603  # the process of an open archive serves it alone
    if isinstance(wanted, int):
        return bytes(_archive.read(wanted))
    _archive = Archive(data)
    return json.dumps(_archive.listing(), ensure_ascii=False).encode("utf-8", "replace")


_tokens: Any = None
_archive: Any = None


def _read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    header = _part(stream)
    return None if header is None else (json.loads(header), _part(stream) or b"")


def _part(stream: BinaryIO) -> bytes | None:
    prefix = stream.read(LENGTH.size)
    if len(prefix) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(prefix)[0])


def _write(stream: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    for part in (json.dumps(header).encode(), body):
        stream.write(LENGTH.pack(len(part)))
        stream.write(part)
    stream.flush()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
