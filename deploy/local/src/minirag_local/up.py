"""``minirag up``: take the folder, start everything, say so, and stop it all on a signal."""

import asyncio
import shutil
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from minirag_contracts.disk import LOW_DISK

from minirag_local import data_format, stack
from minirag_local.control import SOCKET, Control, Tell
from minirag_local.credentials import Credentials
from minirag_local.errors import NotRunning, StackError
from minirag_local.folder import DataFolder, FolderLock, read_json
from minirag_local.listening import listen, url_of
from minirag_local.logs import SUPERVISOR, Logbook, Terminal
from minirag_local.process import Program
from minirag_local.rolling import Rolling
from minirag_local.settings import StackSettings
from minirag_local.state import Addresses, RunState
from minirag_local.supervisor import Observer, Supervisor

Build = Callable[[StackSettings, DataFolder, Credentials, str, int], tuple[list[Program], Addresses]]
"""Makes the process table from the folder, its secrets, the gateway's URL and its socket's descriptor."""


START_TIMEOUT, USUAL_PROGRAMS, START_TIMEOUT_OF_ONE = 90.0, 11, 10.0
"""Seconds in which a stack of so many programs is ready, and for each one more."""

WRITE_AGAIN = 2.0
"""Seconds until the state file is tried again that could not be written."""


def up(settings: StackSettings, build: Build = stack.build) -> int:
    """Run the stack in the foreground until SIGINT, SIGTERM or SIGHUP; answers the exit status."""
    folder = DataFolder(settings.data_dir)
    folder.create()
    lock = FolderLock(folder)
    if not lock.acquire():
        who = _who(folder)
        raise StackError(f"A MiniRAG already runs on {folder.root}{who}: `minirag down` stops it.")
    _clean_up_after_crash(folder)
    data_format.open_folder(folder)
    terminal = Terminal()
    try:
        with listen(settings.host, settings.port) as listener:
            return asyncio.run(_supervise(settings, folder, listener, terminal, build))
    finally:
        terminal.close()
        lock.release()


def _who(folder: DataFolder) -> str:
    try:
        return f" (process {RunState.read(folder).pid})"
    except NotRunning:
        return ""


@dataclass
class Show(Observer):
    """Shows progress and log lines, and keeps the state file true."""

    folder: DataFolder
    terminal: Terminal
    logbook: Logbook
    addresses: Addresses
    began: float
    supervisor: Supervisor | None = None
    is_ready: bool = field(default=False)
    later: asyncio.TimerHandle | None = None

    def ready(self, name: str) -> None:
        """One line for each step of the start."""
        if not self.is_ready:
            self.terminal.line(f"{time.monotonic() - self.began:6.2f} s  {name}")

    def changed(self) -> None:
        """Somebody has another pid."""
        if not self.supervisor:
            return
        if self.later:
            self.later.cancel()
        try:
            RunState.ours(self.addresses, self.supervisor.pids(), self.is_ready).write(self.folder)
        except OSError as error:  # a full disk must not take the stack down
            self.notice(f"the state file cannot be written: {error.strerror}")
            self.later = asyncio.get_running_loop().call_later(WRITE_AGAIN, self.changed)

    def output(self, name: str, line: bytes, kept_only: bool = False) -> None:
        """A log line."""
        self.logbook.add(name, line, kept_only)

    def notice(self, text: str) -> None:
        """A line of the supervisor's own."""
        self.logbook.add(SUPERVISOR, text.encode())


async def _supervise(
    settings: StackSettings, folder: DataFolder, listener: socket.socket, terminal: Terminal, build: Build
) -> int:
    began = time.monotonic()
    stopping = _stop_signals()
    fresh = not folder.format.exists()
    credentials = Credentials.of(folder)
    programs, addresses = build(settings, folder, credentials, url_of(listener), listener.fileno())
    logbook = Logbook(folder.logs / "minirag.log", terminal, settings.log_level)
    show = Show(folder, terminal, logbook, addresses, began)
    supervisor = show.supervisor = Supervisor(programs, show, start_timeout=_start_timeout(programs))
    starting = asyncio.create_task(supervisor.start())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            async with _commands(show, supervisor):
                _announce(show, fresh)
                await waiting
        terminal.line("MiniRAG is stopping.")
    finally:
        for task in (starting, waiting):
            task.cancel()
        await asyncio.gather(starting, waiting, return_exceptions=True)
        await supervisor.stop()
        _clean_up(folder, show.addresses)
        logbook.close()
    terminal.line("MiniRAG has stopped.")
    return 0


def _start_timeout(programs: Sequence[Program]) -> float:
    """Each process takes a second of a core to start, and on a busy machine a multiple of that."""
    return START_TIMEOUT + START_TIMEOUT_OF_ONE * max(0, len(programs) - USUAL_PROGRAMS)


@asynccontextmanager
async def _commands(show: Show, supervisor: Supervisor) -> AsyncIterator[None]:
    """Other terminals can ask for something while it is entered."""

    async def restart(services: Sequence[str], tell: Tell) -> None:
        def told(line: str) -> None:
            show.notice(line)
            tell(line)

        try:
            await Rolling(supervisor, told).run(services)
        except StackError as error:
            show.notice(str(error))
            raise

    path = show.folder.socket_folder() / SOCKET
    show.addresses = replace(show.addresses, control=str(path))
    async with Control(restart).listening(path):
        yield


def _stop_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _announce(show: Show, fresh: bool) -> None:
    show.is_ready = True
    show.changed()
    data_format.record(show.folder)
    if show.folder.free_bytes() < LOW_DISK:
        show.notice(f"Less than 1 GB is free on the disk of {show.folder.root}: new sources are refused.")
    show.terminal.line(f"MiniRAG is ready: {show.addresses.url}")
    if fresh:  # the cluster was made without waiting for the disk
        threading.Thread(target=show.folder.flush, name="flush", daemon=True).start()


def _clean_up_after_crash(folder: DataFolder) -> None:
    """A supervisor that was killed left its state file, which knows where its sockets were."""
    if folder.state.exists():
        stored = read_json(folder.state)
        _clean_up(folder, Addresses(**stored["addresses"]))


def _clean_up(folder: DataFolder, addresses: Addresses) -> None:
    """Remove what only a running stack needs, private socket folders included."""
    folder.state.unlink(missing_ok=True)
    private = {Path(addresses.postgres_sockets)}
    for address in filter(None, (addresses.vectors, addresses.control)):
        socket_file = Path(address)
        socket_file.unlink(missing_ok=True)
        private.add(socket_file.parent)
    for parent in private - {folder.run}:
        shutil.rmtree(parent, ignore_errors=True)
