"""Changing sources: their settings, and whether they answer."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests import Done
from minirag_contracts.requests.ingest import DeactivateSource, SourceChanges, SourceRead, UpdateSource
from minirag_eventstore import EventStore, Transaction
from minirag_service.sealing import new_salt, salted_hash

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given
from minirag_ingest.commands.hiding import Hidings
from minirag_ingest.domain import intake, schedule, source
from minirag_ingest.errors import InvalidSource, SourceNotFound
from minirag_ingest.ports import ContentRows, SourceContent, SourceRows


@dataclass(slots=True)
class Outcome:
    """What a transaction has done beside its reply: the key of the work that hides, if something was deactivated."""

    hiding: str | None = None


class ChangeCommands:
    """The commands that change what is there."""

    def __init__(
        self,
        store: EventStore,
        rows: SourceRows,
        contents: ContentRows,
        sources: Sources,
        given: Given,
        hidings: Hidings,
    ) -> None:
        self._store = store
        self._rows = rows
        self._contents = contents
        self._sources = sources
        self._given = given
        self._hidings = hidings

    async def update(self, request: UpdateSource, context: Context) -> SourceRead:
        """The fields that are set; a source that becomes active is ingested, one that ceases to be is hidden first."""
        wanted = request.changes.is_active if "is_active" in request.changes.model_fields_set else None
        outcome = Outcome()

        async def action(tx: Transaction) -> SourceRead:
            outcome.hiding = None
            parent = await self._parent(tx, request.source_id) if wanted else None
            await self._configure(tx, context, request)
            if wanted:
                await self._activate(tx, context, request.source_id, parent)
            elif wanted is False:
                outcome.hiding = await self._deactivate(tx, context, request.source_id)
            return await self._sources.read(tx, request.source_id)

        updated = await self._store.execute(context, request, action)
        if wanted is False:
            await self._hidings.confirm(context, request.source_id, outcome.hiding)
        return updated

    async def deactivate(self, request: DeactivateSource, context: Context) -> Done:
        """The source and its active children; repeated, it asks retrieval again and changes nothing."""
        outcome = Outcome()

        async def action(tx: Transaction) -> Done:
            outcome.hiding = await self._deactivate(tx, context, request.source_id)
            return Done()

        done = await self._store.execute(context, request, action)
        await self._hidings.confirm(context, request.source_id, outcome.hiding)
        return done

    async def _parent(self, tx: Transaction, source_id: UUID) -> source.Source | None:
        """Locked before the child, as everywhere."""
        parent_id = await self._rows.parent_of(tx, source_id)
        return None if parent_id is None else (await self._sources.load(tx, parent_id))[0]

    async def _configure(self, tx: Transaction, context: Context, request: UpdateSource) -> None:
        changes, source_id = request.changes, request.source_id
        state, recorded = await self._sources.load(tx, source_id)
        if state.source_id is None:
            raise SourceNotFound
        said = changes.model_fields_set - {"is_active", "content"}
        fields: dict[str, Any] = {name: getattr(changes, name) for name in said}
        settings = replace(state.settings, **fields)
        intake.check_names(settings.name, settings.description, settings.config)
        if "refresh_schedule" in said:
            schedule.parse(settings.refresh_schedule)
        if changes.model_fields_set & {"config", "content"}:
            settings = await self._replace_content(tx, state, source_id, changes, settings)
        await self._sources.append(
            tx, context, source_id, recorded, source.decide(state, source.Update(settings))
        )

    async def _replace_content(
        self,
        tx: Transaction,
        state: source.Source,
        source_id: UUID,
        changes: SourceChanges,
        settings: source.Settings,
    ) -> source.Settings:
        """Stores what is new under a new salt; what was sent and is the same leaves hashes and salt as they are."""
        old = await self._contents.content(tx, source_id) or SourceContent({})
        config, body = old.config, old.body
        if "config" in changes.model_fields_set:
            config = intake.replaced_config(state.source_type, old.config, changes.config)
            self._given.check_config(state.source_type, config)
            if state.parent_id is not None:
                intake.check_child(config)
        if "content" in changes.model_fields_set:
            if state.source_type == "upload":
                raise InvalidSource("The content of an upload is its file: upload the new one.")
            body = self._given.body(changes.content)
        if (config, body) == (old.config, old.body):
            return replace(settings, config=state.settings.config)
        salt = new_salt()
        await self._contents.keep(tx, source_id, SourceContent(config, body), salt)
        return replace(
            settings,
            config=intake.public_config(state.source_type, config),
            content_hash=None if body is None else salted_hash(body, salt),
            config_hash=salted_hash(json.dumps(config, sort_keys=True), salt),
        )

    async def _activate(
        self, tx: Transaction, context: Context, source_id: UUID, parent: source.Source | None
    ) -> None:
        """The source, and the children that went with it."""
        if not await self._bring_back(
            tx, context, source_id, await self._sources.load(tx, source_id), parent
        ):
            return
        self._given.check_disk()
        children = await self._sources.load_children(tx, source_id, active=False)
        await self._sources.quotas.check_sources(tx, 1 + len(children))
        await self._sources.quotas.check_queue(tx, 1 + len(children))
        for child_id, child, recorded in children:
            await self._bring_back(tx, context, child_id, (child, recorded), None)

    async def _bring_back(
        self,
        tx: Transaction,
        context: Context,
        source_id: UUID,
        loaded: tuple[source.Source, int],
        parent: source.Source | None,
    ) -> bool:
        state, recorded = loaded
        config, has_body = await self._contents.outline(tx, source_id)
        something = intake.has_something(state.source_type, config, has_body)
        payloads = source.decide(state, source.Activate(something, parent))
        return bool(await self._sources.append(tx, context, source_id, recorded, payloads))

    async def _deactivate(self, tx: Transaction, context: Context, source_id: UUID) -> str | None:
        """Answers the key of the work that hides; None if nothing was active any more."""
        state, recorded = await self._sources.load(tx, source_id)
        payloads = source.decide(state, source.Deactivate())
        if not payloads:
            return None
        await self._sources.append(tx, context, source_id, recorded, payloads)
        for child_id, child, version in await self._sources.load_children(tx, source_id):
            gone = source.decide(child, source.Deactivate(with_parent=True))
            await self._sources.append(tx, context, child_id, version, gone)
            payloads += gone
        await self._sources.drop_work(tx, payloads)
        key = f"{source_id}:{recorded}"
        await self._hidings.note(tx, source_id, key)
        return key
