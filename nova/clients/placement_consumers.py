"""What consumers hold in Placement: claims, and giving back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from groundwork.errors import Conflict, Invalid
from nova.clients.placement_calls import ConsumerChanged, PlacementCalls, path_of
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.clients.providers import Allocation, Usage, parse_allocation, parse_usage


class ConsumerCalls(PlacementCalls):
    """Allocations are replaced as a whole, at the generation of the consumer that was read."""

    def claim(
        self,
        consumer: str,
        allocations: Mapping[str, Mapping[str, int]],
        *,
        project_id: str,
        user_id: str,
        consumer_generation: int | None = None,
        consumer_type: str = "INSTANCE",
        mappings: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Let ``consumer`` hold exactly ``allocations`` (provider uuid -> class -> amount), all or
        nothing.

        Claiming what the consumer already holds in this form is success, so a claim whose answer
        was lost may be repeated. Races with other claims on the same providers are run again here.

        :param consumer_generation: that of the allocation which this replaces; None when there is
            none.
        :raises ConcurrentUpdate: the consumer holds something else by now, or the race was lost too
            often.
        :raises NoRoom: a provider has no room, or not that class, any more, or is not there.
        """
        body: dict[str, Any] = {
            "allocations": {uuid: {"resources": dict(on)} for uuid, on in allocations.items()},
            "project_id": project_id,
            "user_id": user_id,
            "consumer_generation": consumer_generation,
            "consumer_type": consumer_type,
        }
        if mappings:
            body["mappings"] = {suffix: list(uuids) for suffix, uuids in mappings.items()}

        def attempt() -> None:
            try:
                self._write("PUT", path_of("allocations", consumer), body)
            except ConcurrentUpdate as lost:
                # Placement says the same for "the consumer has changed" and "a provider has changed
                # meanwhile". Only the second one is cured by trying again.
                held = self.allocation(consumer)
                if (held.consumer_generation if held else None) == consumer_generation:
                    raise
                if not _holds(held, body):
                    raise ConsumerChanged(lost.text, internal=lost.internal) from lost
            except Conflict as full:
                raise NoRoom(
                    "There is no room for this any more.", internal=full.internal
                ) from full
            except Invalid as refused:
                # Placement says the same of a provider that has gone as of a body that makes no sense.
                if not any(self._is_gone(provider) for provider in allocations):
                    raise
                raise NoRoom(
                    "There is no room for this any more.", internal=refused.internal
                ) from refused

        self._against_races(attempt)

    def _is_gone(self, provider: str) -> bool:
        return self._call("GET", path_of("resource_providers", provider)).status_code == 404

    def allocation(self, consumer: str) -> Allocation | None:
        """What the consumer holds, None when nothing."""
        return parse_allocation(consumer, self._read(path_of("allocations", consumer)).json())

    def delete_allocation(self, consumer: str, *, expected: Allocation | None = None) -> None:
        """Make sure that the consumer holds nothing; one that holds nothing already is success.

        :param expected: delete only if the consumer still holds this; None deletes whatever it
            holds.
        :raises ConcurrentUpdate: the consumer has changed since ``expected`` was read.
        """
        if expected is None:
            answer = self._call("DELETE", path_of("allocations", consumer))
            if answer.status_code != 404:
                self._checked(answer)
            return
        self.claim(
            consumer,
            {},
            project_id=expected.project_id,
            user_id=expected.user_id,
            consumer_generation=expected.consumer_generation,
            consumer_type=expected.consumer_type,
        )

    def transfer(
        self, held: Allocation, *, to: str, consumer_type: str, replaced: Allocation | None = None
    ) -> None:
        """Let ``to`` hold what ``held`` tells of another consumer, and that one nothing, in one write.

        Not to be repeated blindly: who has lost the answer reads what both hold.

        :param replaced: what ``to`` holds so far and gives up; None when it holds nothing.
        :raises ConcurrentUpdate: one of the two holds something else by now.
        """
        owner = {"project_id": held.project_id, "user_id": held.user_id}
        body = {
            held.consumer: {
                **owner,
                "allocations": {},
                "consumer_generation": held.consumer_generation,
                "consumer_type": held.consumer_type,
            },
            to: {
                **owner,
                "allocations": {
                    uuid: {"resources": dict(on)} for uuid, on in held.resources.items()
                },
                "consumer_generation": replaced.consumer_generation if replaced else None,
                "consumer_type": consumer_type,
            },
        }

        # The generations of both consumers guard it, so a race that is run again changes nothing twice.
        def attempt() -> None:
            self._write("POST", "/allocations", body)

        self._against_races(attempt)

    def usages(self, project_id: str, user_id: str | None = None) -> Mapping[str, Usage]:
        """What a project (or one user in it) uses, by consumer type."""
        query = {"project_id": project_id} | ({"user_id": user_id} if user_id else {})
        found = self._read("/usages", query).json()["usages"]
        return {consumer_type: parse_usage(usage) for consumer_type, usage in found.items()}


def _holds(held: Allocation | None, body: Mapping[str, Any]) -> bool:
    """Whether the consumer holds exactly what ``body`` asks for."""
    wanted = {uuid: on["resources"] for uuid, on in body["allocations"].items()}
    if held is None:
        return not wanted
    return (held.resources, held.project_id, held.user_id, held.consumer_type) == (
        wanted,
        body["project_id"],
        body["user_id"],
        body["consumer_type"],
    )
