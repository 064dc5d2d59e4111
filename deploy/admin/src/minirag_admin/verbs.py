"""The verbs of an operator, for the commands of every kind of deployment. Each loads what it needs when it is called."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from minirag_admin.errors import StackError

if TYPE_CHECKING:  # it loads the client of the bus
    from minirag_admin.deployment import Deployment

Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 -- it has no other name
Verb: TypeAlias = "Callable[[argparse.Namespace, Deployment], int]"
Bind: TypeAlias = "Callable[[Verb], Any]"
"""Makes of a verb what a command calls: it knows its deployment."""


def add(parsers: Parsers, bind: Bind) -> None:
    """All of them; ``verb`` of the parsed arguments is what ``bind`` has made."""

    def verb(name: str, run: Verb, text: str) -> argparse.ArgumentParser:
        return add_verb(parsers, name, bind(run), text)

    invite = verb("invite", _invite, "let somebody sign up once, where that takes an invite")
    invite.add_argument("--days", type=int, default=7, help="how long it is good (1 to 365)")
    letters = verb("dead-letters", _dead_letters, "work that was given up on: list it, or try it again")
    letters.add_argument("action", choices=("list", "replay"))
    letters.add_argument("service", nargs="?", help="of this service only")
    letters.add_argument("letter", nargs="?", help="replay only this one")
    for name, help_text in (
        ("verify", "fold every event again and compare with the tables"),
        ("rebuild", "put that fold in the tables' place"),
    ):
        fold = verb(name, _projections, help_text)
        fold.add_argument("service", nargs=None if name == "rebuild" else "?")
        fold.add_argument("projection", nargs="?")
        fold.set_defaults(repair=name == "rebuild")
    tenants = verb("tenants", _tenants, "list the tenants, suspend one, or serve it again")
    tenants.add_argument("action", choices=("list", "suspend", "resume"))
    tenants.add_argument("tenant", nargs="?", help="its slug or id")
    erase = verb("erase", _erase, "erase a tenant, or what one person said, for good and in every service")
    erase.add_argument("what", choices=("tenant", "person"))
    erase.add_argument("tenant", help="its slug or id")
    who = erase.add_mutually_exclusive_group()
    who.add_argument("--email", help="person: a user's address; they are deactivated first")
    who.add_argument(
        "--visitor", metavar="ID", help="person: the visitor of whom the audit log says `visitor:ID`"
    )
    erase.add_argument("--wait", type=float, default=30, metavar="SECONDS", help="for a service that is away")
    erase.add_argument("--yes", action="store_true", help="it is meant")
    keys = verb("keys", _keys, "the keys of secrets at rest: list, add, rotate, drop the old ones")
    keys.add_argument("action", choices=("list", "add", "rotate", "drop"))


def run(command: str, call: Callable[[], int]) -> int:
    """The exit status of one call of a command; a StackError is one sentence on the standard error output and status 1."""
    os.umask(0o077)
    try:
        return call()
    except StackError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def add_verb(parsers: Parsers, name: str, verb: Any, text: str) -> argparse.ArgumentParser:
    """One verb, described by one sentence."""
    parser = parsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(verb=verb)
    return parser


def _dead_letters(options: argparse.Namespace, deployment: "Deployment") -> int:
    from minirag_admin.operations import list_letters, replay_letters

    if options.action == "list":
        asyncio.run(list_letters(deployment, options.service))
        return 0
    return 0 if asyncio.run(replay_letters(deployment, options.service, options.letter)) else 1


def _invite(options: argparse.Namespace, deployment: "Deployment") -> int:
    from minirag_admin.operations import create_invite

    asyncio.run(create_invite(deployment, options.days))
    return 0


def _projections(options: argparse.Namespace, deployment: "Deployment") -> int:
    from minirag_admin.operations import verify_projections

    same = asyncio.run(
        verify_projections(deployment, options.service, options.projection, repair=options.repair)
    )
    return 0 if same or options.repair else 1


def _tenants(options: argparse.Namespace, deployment: "Deployment") -> int:
    from minirag_admin import tenants

    if options.action == "list":
        asyncio.run(tenants.list_tenants(deployment))
    elif options.tenant is None:
        raise StackError(f"`{deployment.command} tenants {options.action}` needs to know whom.")
    else:
        asyncio.run(tenants.set_served(deployment, options.tenant, served=options.action == "resume"))
    return 0


def _erase(options: argparse.Namespace, deployment: "Deployment") -> int:
    from minirag_admin.erasing import Person, erase_person, erase_tenant

    if options.what == "tenant":
        asyncio.run(erase_tenant(deployment, options.tenant, certain=options.yes, patience=options.wait))
    elif not (options.email or options.visitor):
        raise StackError("Whom? `--email` names a user, `--visitor` a visitor.")
    else:
        person = Person(options.tenant, options.email, options.visitor)
        asyncio.run(erase_person(deployment, person, certain=options.yes))
    return 0


def _keys(options: argparse.Namespace, deployment: "Deployment") -> int:
    from minirag_admin import keys

    match options.action:
        case "list":
            keys.listed(deployment)
        case "add":
            keys.add(deployment)
        case "rotate":
            asyncio.run(keys.rotate(deployment))
        case _:
            asyncio.run(keys.drop(deployment))
    return 0
