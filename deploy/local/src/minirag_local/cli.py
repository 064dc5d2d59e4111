"""The ``minirag`` command. Each verb loads what it needs when it is called."""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from minirag_admin import verbs as operators
from minirag_admin.verbs import add_verb

from minirag_local.errors import NotRunning, StackError
from minirag_local.folder import DataFolder
from minirag_local.settings import StackSettings

Verb = Callable[[argparse.Namespace, StackSettings], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; answers the exit status."""
    options = _parser().parse_args(arguments)
    verb: Verb = options.verb
    return operators.run("minirag", lambda: verb(options, StackSettings.from_environment()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minirag",
        description="MiniRAG on one machine. MINIRAG_DATA_DIR (.minirag) names the data folder, "
        "MINIRAG_PORT (8000) and MINIRAG_HOST (127.0.0.1) say where it listens.",
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    add_verb(verbs, "up", _up, "start everything in the foreground; Ctrl-C stops it")
    add_verb(verbs, "down", _down, "stop the stack of the data folder")
    restart = add_verb(
        verbs,
        "restart",
        _restart,
        "replace the services' processes one by one, with the code on disk now; somebody serves at every moment",
    )
    restart.add_argument("services", nargs="*", metavar="service", help="only these (default: all)")
    status = add_verb(
        verbs, "status", _status, "every process with its pid, health and address; status 1 when none runs"
    )
    status.add_argument("--json", action="store_true", help="as a list of objects")
    logs = add_verb(verbs, "logs", _logs, "the log lines kept in the data folder")
    logs.add_argument("name", nargs="?", help="of this process only")
    backup = add_verb(verbs, "backup", _backup, "write everything into one archive, while it runs or not")
    backup.add_argument("file", type=Path)
    restore = add_verb(verbs, "restore", _restore, "fill an empty data folder from such an archive")
    restore.add_argument("file", type=Path)
    operators.add(verbs, _bind)
    subscriber = add_verb(
        verbs, "subscriber", _subscriber, "users of the bus that hear one tenant's events from outside"
    )
    subscriber.add_argument("action", choices=("add", "list", "remove"))
    subscriber.add_argument("who", nargs="?", help="add: the tenant's slug or id; remove: the user")
    return parser


def _bind(verb: operators.Verb) -> Verb:
    def run(options: argparse.Namespace, settings: StackSettings) -> int:
        from minirag_local.deployment import LocalDeployment

        return verb(options, LocalDeployment(_folder(settings)))

    return run


def _folder(settings: StackSettings) -> DataFolder:
    return DataFolder(settings.data_dir)


def _up(_: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.up import up

    return up(settings)


def _down(_: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.down import down

    down(_folder(settings))
    return 0


def _restart(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.control import restart

    asyncio.run(restart(_folder(settings), options.services, partial(print, flush=True)))
    return 0


def _status(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.status import as_json, as_table, statuses

    try:
        processes = asyncio.run(statuses(_folder(settings)))
    except NotRunning:
        if not options.json:
            raise
        print("[]")
        return 1
    print(as_json(processes) if options.json else as_table(processes))
    return 0


def _logs(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.logs import stored_lines

    for line in stored_lines(_folder(settings).logs / "minirag.log", options.name):
        print(line)
    return 0


def _backup(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.backup import backup

    size = backup(_folder(settings), options.file)
    print(
        f"{options.file}: {size / 1e6:.1f} MB. It holds the stack's keys: keep it where nobody else reads it."
    )
    return 0


def _restore(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.backup import restore

    restore(_folder(settings), options.file)
    print(f"{settings.data_dir} is restored: start it with `minirag up`.")
    return 0


def _subscriber(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local import outside

    folder = _folder(settings)
    if options.action == "list":
        outside.listed(folder)
    elif options.who is None:
        raise StackError(f"`minirag subscriber {options.action}` needs to know whom.")
    elif options.action == "add":
        asyncio.run(outside.add(folder, options.who))
    else:
        asyncio.run(outside.remove(folder, options.who))
    return 0
