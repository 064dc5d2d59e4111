"""The ``minirag`` command. Each verb loads what it needs when it is called."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from minirag_local.errors import NotRunning, StackError
from minirag_local.folder import DataFolder
from minirag_local.settings import StackSettings

Verb = Callable[[argparse.Namespace, StackSettings], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; a StackError is one sentence on the standard error output and exit status 1."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    verb: Verb = options.verb
    try:
        return verb(options, StackSettings.from_environment())
    except StackError as error:
        print(f"minirag: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minirag",
        description="MiniRAG on one machine. MINIRAG_DATA_DIR (.minirag) names the data folder, "
        "MINIRAG_PORT (8000) and MINIRAG_HOST (127.0.0.1) say where it listens.",
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add(verbs, "up", _up, "start everything in the foreground; Ctrl-C stops it")
    _add(verbs, "down", _down, "stop the stack of the data folder")
    restart = _add(
        verbs,
        "restart",
        _restart,
        "replace the services' processes one by one, with the code on disk now; somebody serves at every moment",
    )
    restart.add_argument("services", nargs="*", metavar="service", help="only these (default: all)")
    status = _add(
        verbs, "status", _status, "every process with its pid, health and address; status 1 when none runs"
    )
    status.add_argument("--json", action="store_true", help="as a list of objects")
    logs = _add(verbs, "logs", _logs, "the log lines kept in the data folder")
    logs.add_argument("name", nargs="?", help="of this process only")
    backup = _add(verbs, "backup", _backup, "write everything into one archive, while it runs or not")
    backup.add_argument("file", type=Path)
    restore = _add(verbs, "restore", _restore, "fill an empty data folder from such an archive")
    restore.add_argument("file", type=Path)
    invite = _add(verbs, "invite", _invite, "let somebody sign up once, where that takes an invite")
    invite.add_argument("--days", type=int, default=7, help="how long it is good (1 to 365)")
    letters = _add(
        verbs, "dead-letters", _dead_letters, "work that was given up on: list it, or try it again"
    )
    letters.add_argument("action", choices=("list", "replay"))
    letters.add_argument("service", nargs="?", help="of this service only")
    letters.add_argument("letter", nargs="?", help="replay only this one")
    for name, help_text in (
        ("verify", "fold every event again and compare with the tables"),
        ("rebuild", "put that fold in the tables' place"),
    ):
        fold = _add(verbs, name, _projections, help_text)
        fold.add_argument("service", nargs=None if name == "rebuild" else "?")
        fold.add_argument("projection", nargs="?")
        fold.set_defaults(repair=name == "rebuild")
    tenants = _add(verbs, "tenants", _tenants, "list the tenants, suspend one, or serve it again")
    tenants.add_argument("action", choices=("list", "suspend", "resume"))
    tenants.add_argument("tenant", nargs="?", help="its slug or id")
    subscriber = _add(
        verbs, "subscriber", _subscriber, "users of the bus that hear one tenant's events from outside"
    )
    subscriber.add_argument("action", choices=("add", "list", "remove"))
    subscriber.add_argument("who", nargs="?", help="add: the tenant's slug or id; remove: the user")
    keys = _add(verbs, "keys", _keys, "the keys of secrets at rest: list, add, rotate, drop the old ones")
    keys.add_argument("action", choices=("list", "add", "rotate", "drop"))
    return parser


def _add(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, verb: Verb, text: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text.capitalize() + ".")
    parser.set_defaults(verb=verb)
    return parser


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


def _dead_letters(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.administration import list_letters, replay_letters

    folder = _folder(settings)
    if options.action == "list":
        asyncio.run(list_letters(folder, options.service))
    else:
        asyncio.run(replay_letters(folder, options.service, options.letter))
    return 0


def _invite(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.administration import create_invite

    asyncio.run(create_invite(_folder(settings), options.days))
    return 0


def _projections(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local.administration import verify_projections

    same = asyncio.run(
        verify_projections(_folder(settings), options.service, options.projection, repair=options.repair)
    )
    return 0 if same or options.repair else 1


def _tenants(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local import tenants

    folder = _folder(settings)
    if options.action == "list":
        asyncio.run(tenants.list_tenants(folder))
    elif options.tenant is None:
        raise StackError(f"`minirag tenants {options.action}` needs to know whom.")
    else:
        asyncio.run(tenants.set_served(folder, options.tenant, served=options.action == "resume"))
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


def _keys(options: argparse.Namespace, settings: StackSettings) -> int:
    from minirag_local import keys

    folder = _folder(settings)
    if options.action == "list":
        keys.listed(folder)
    elif options.action == "add":
        keys.add(folder)
    elif options.action == "rotate":
        asyncio.run(keys.rotate(folder))
    else:
        asyncio.run(keys.drop(folder))
    return 0
