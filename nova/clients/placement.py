"""Placement over REST, as typed calls."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import requests
from oslo_config import cfg

from groundwork.errors import Conflict, Invalid, Unavailable
from nova.clients.candidate_reader import CandidateReader
from nova.clients.candidates import CandidateQuery, Candidates, RequestGroup
from nova.clients.deadline import Deadline
from nova.clients.explanations import Explanation, parse_explanation
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom, problem_of
from nova.clients.providers import (
    Allocation,
    Inventory,
    Provider,
    Usage,
    Versioned,
    inventories_body,
    parents_first,
    parse_allocation,
    parse_inventories,
    parse_provider,
    parse_usage,
)
from nova.clients.session import Caller, Query, Service, load_service

T = TypeVar("T")

# The version that every call here speaks: any-of traits in candidates are the newest thing used.
MICROVERSION = "1.39"
# Attempts of a write that loses to other writers of the same provider. More: a busy provider holds
# the caller longer; fewer: a burst of claims on one host looks like a failure.
ATTEMPTS = 5


class Placement:
    """Placement as this process uses it: with its own credentials, in the name of whoever asked.

    All calls raise ``Unavailable`` (``Late`` after the deadline) when Placement cannot serve now,
    ``Invalid`` when it does not accept the request; both may happen everywhere and are not repeated
    below.
    """

    def __init__(
        self,
        service: Service,
        *,
        context: Caller | None = None,
        deadline: Deadline | None = None,
        sleep: Callable[[float], None] = time.sleep,
        reader: CandidateReader | None = None,
    ) -> None:
        """``reader`` is shared by all that ask the same Placement; one of its own by default."""
        self._service = service
        self._reader = reader or CandidateReader()
        self._context = context
        self._deadline = deadline
        self._sleep = sleep

    def acting_for(self, context: Caller, *, deadline: Deadline | None = None) -> Placement:
        """The same Placement, whose calls carry the request id of ``context`` and end by
        ``deadline``.
        """
        return Placement(
            self._service,
            context=context,
            deadline=deadline,
            sleep=self._sleep,
            reader=self._reader,
        )

    def newest_version(self) -> tuple[int, int]:
        """The newest microversion that it offers, as numbers that can be compared."""
        answer = self._checked(self._service.call("GET", "/", context=self._context))
        try:
            offered = [version["max_version"] for version in answer.json()["versions"]]
            major, minor = max(tuple(map(int, text.split("."))) for text in offered)
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            raise Unavailable("Placement's answer cannot be read.", internal=str(exc)) from exc
        return major, minor

    # Candidates, claims and use.

    def candidates(self, query: CandidateQuery) -> Candidates:
        """Where the request fits at this moment; nothing is held by asking."""
        answer = self._read("/allocation_candidates", query.parameters())
        try:
            return self._reader.read(answer.content)
        except msgspec.MsgspecError as exc:
            raise Unavailable("Placement's answer cannot be read.", internal=str(exc)) from exc

    def explain(self, query: CandidateQuery) -> Explanation | None:
        """What each demand of the question removes; None from a Placement that cannot tell."""
        asked = [pair for pair in query.parameters() if pair[0] != "limit"]
        asked += [("removed_roots", "true"), ("unknown_names", "explained")]
        answer = self._call("GET", "/allocation_candidates/explain", query=asked)
        if answer.status_code == 404:
            return None
        try:
            return parse_explanation(self._checked(answer).content)
        except msgspec.MsgspecError as exc:
            raise Unavailable("Placement's answer cannot be read.", internal=str(exc)) from exc

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
        :raises NoRoom: a provider has no room, or not that class, any more.
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
                self._write("PUT", _path("allocations", consumer), body)
            except ConcurrentUpdate as lost:
                # Placement says the same for "the consumer has changed" and "a provider has changed
                # meanwhile". Only the second one is cured by trying again.
                held = self.allocation(consumer)
                if (held.consumer_generation if held else None) == consumer_generation:
                    raise
                if not _holds(held, body):
                    raise _ConsumerChanged(lost.text, internal=lost.internal) from lost
            except Conflict as full:
                raise NoRoom(
                    "There is no room for this any more.", internal=full.internal
                ) from full

        self._against_races(attempt)

    def allocation(self, consumer: str) -> Allocation | None:
        """What the consumer holds, None when nothing."""
        return parse_allocation(consumer, self._read(_path("allocations", consumer)).json())

    def delete_allocation(self, consumer: str, *, expected: Allocation | None = None) -> None:
        """Make sure that the consumer holds nothing; one that holds nothing already is success.

        :param expected: delete only if the consumer still holds this; None deletes whatever it
            holds.
        :raises ConcurrentUpdate: the consumer has changed since ``expected`` was read.
        """
        if expected is None:
            answer = self._call("DELETE", _path("allocations", consumer))
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

    # Providers.

    def count_providers(
        self,
        *,
        resources: Mapping[str, int] | None = None,
        required: Iterable[str] = (),
        member_of: Iterable[Iterable[str]] = (),
    ) -> int:
        """How many providers have room for ``resources`` by themselves, all these traits, and are
        in one aggregate of each of ``member_of``.
        """
        return len(self._providers(resources or {}, required, member_of))

    def providers(
        self,
        *,
        required: Iterable[str] = (),
        member_of: Iterable[Iterable[str]] = (),
    ) -> tuple[Provider, ...]:
        """The providers that have all these traits and are in one aggregate of each of ``member_of``, in no order."""
        return tuple(parse_provider(body) for body in self._providers({}, required, member_of))

    def _providers(
        self,
        resources: Mapping[str, int],
        required: Iterable[str],
        member_of: Iterable[Iterable[str]],
    ) -> list[dict[str, Any]]:
        group = RequestGroup(
            resources=resources,
            required=tuple(required),
            member_of=tuple(tuple(alternatives) for alternatives in member_of),
        )
        answer = self._read("/resource_providers", list(group.parameters()))
        found: list[dict[str, Any]] = answer.json()["resource_providers"]
        return found

    def tree(self, uuid: str) -> tuple[Provider, ...]:
        """All providers of the tree that ``uuid`` is in, parents before children; empty when there
        is none.
        """
        found = self._read("/resource_providers", {"in_tree": uuid}).json()["resource_providers"]
        return parents_first(parse_provider(body) for body in found)

    def held_from(self, provider: str) -> Mapping[str, Mapping[str, int]]:
        """What is held from one provider: consumer -> class -> amount.

        :raises NotFound: no such provider.
        """
        body = self._read(_path("resource_providers", provider, "allocations")).json()
        return {consumer: held["resources"] for consumer, held in body["allocations"].items()}

    def provider(self, uuid: str) -> Provider | None:
        """The provider, None when there is none."""
        answer = self._call("GET", _path("resource_providers", uuid))
        if answer.status_code == 404:
            return None
        return parse_provider(self._checked(answer).json())

    def create_provider(self, uuid: str, name: str, *, parent: str | None = None) -> Provider:
        """Make sure that there is a provider of this uuid and name, and give it.

        :raises Conflict: the name belongs to a provider with another uuid, or the uuid to one with
            another name.
        """
        body = {"uuid": uuid, "name": name}
        if parent is not None:
            body["parent_provider_uuid"] = parent
        try:
            return parse_provider(self._write("POST", "/resource_providers", body).json())
        except Conflict as taken:
            present = self.provider(uuid)
            if present is not None and present.name == name:
                return present
            raise Conflict(
                f"Resource provider {name} exists with another uuid, or {uuid} with another name.",
                internal=taken.internal,
                provider=uuid,
            ) from taken

    def rename_provider(self, uuid: str, name: str) -> None:
        """Give the provider another name; its parent and generation stay.

        :raises Conflict: the name is taken.
        """
        self._write("PUT", _path("resource_providers", uuid), {"name": name})

    def delete_provider(self, uuid: str) -> None:
        """Make sure that there is no such provider.

        :raises InUse: it has allocations or children.
        """
        answer = self._call("DELETE", _path("resource_providers", uuid))
        if answer.status_code != 404:
            self._checked(answer)

    # What providers have. ``put_*`` is one exact write: it counts only at the generation given, and
    # gives the next one. ``change_*`` reads, lets ``change`` decide, and writes if something
    # differs, again and again while others are faster; so it never undoes what somebody else wrote
    # in between, as repeating a write would.

    def inventories(self, provider: str) -> Versioned[Mapping[str, Inventory]]:
        """:raises NotFound: no such provider."""
        body = self._read(_path("resource_providers", provider, "inventories")).json()
        return Versioned(
            body["resource_provider_generation"], parse_inventories(body["inventories"])
        )

    def put_inventories(
        self, provider: str, inventories: Mapping[str, Inventory], *, generation: int
    ) -> int:
        """Replace all inventories; custom resource classes that do not exist yet are made.

        :raises ConcurrentUpdate: the provider's generation is another one.
        :raises InUse: allocations hold something of a class that would go.
        """
        return self._put_part(
            _path("resource_providers", provider, "inventories"),
            {"inventories": inventories_body(inventories)},
            generation,
            names=("resource_classes", inventories),
        )

    def change_inventories(
        self,
        provider: str,
        change: Callable[[Mapping[str, Inventory]], Mapping[str, Inventory]],
    ) -> None:
        """Let ``change`` make the new inventories out of the present ones."""
        self._change(provider, self.inventories, change, self.put_inventories)

    def traits(self, provider: str) -> Versioned[frozenset[str]]:
        """:raises NotFound: no such provider."""
        body = self._read(_path("resource_providers", provider, "traits")).json()
        return Versioned(body["resource_provider_generation"], frozenset(body["traits"]))

    def put_traits(self, provider: str, traits: Iterable[str], *, generation: int) -> int:
        """Replace all traits; custom traits that do not exist yet are made.

        :raises ConcurrentUpdate: the provider's generation is another one.
        """
        wanted = sorted(traits)
        return self._put_part(
            _path("resource_providers", provider, "traits"),
            {"traits": wanted},
            generation,
            names=("traits", wanted),
        )

    def change_traits(
        self, provider: str, change: Callable[[frozenset[str]], frozenset[str]]
    ) -> None:
        """Let ``change`` make the new traits out of the present ones."""
        self._change(provider, self.traits, change, self.put_traits)

    def aggregates(self, provider: str) -> Versioned[frozenset[str]]:
        """:raises NotFound: no such provider."""
        body = self._read(_path("resource_providers", provider, "aggregates")).json()
        return Versioned(body["resource_provider_generation"], frozenset(body["aggregates"]))

    def put_aggregates(self, provider: str, aggregates: Iterable[str], *, generation: int) -> int:
        """Replace all aggregate memberships (uuids).

        :raises ConcurrentUpdate: the provider's generation is another one.
        """
        path = _path("resource_providers", provider, "aggregates")
        return self._put_part(path, {"aggregates": sorted(aggregates)}, generation)

    def change_aggregates(
        self, provider: str, change: Callable[[frozenset[str]], frozenset[str]]
    ) -> None:
        """Let ``change`` make the new memberships out of the present ones."""
        self._change(provider, self.aggregates, change, self.put_aggregates)

    # How it is done.

    def _put_part(
        self,
        path: str,
        body: dict[str, Any],
        generation: int,
        *,
        names: tuple[str, Iterable[str]] | None = None,
    ) -> int:
        body["resource_provider_generation"] = generation
        try:
            answer = self._write("PUT", path, body)
        except Invalid:
            # Most often all names are known, so they are made only after a refusal.
            collection, used = names or ("", ())
            custom = [name for name in used if name.startswith("CUSTOM_")]
            if not custom:
                raise
            for name in custom:
                self._checked(self._call("PUT", _path(collection, name)))
            answer = self._write("PUT", path, body)
        return int(answer.json()["resource_provider_generation"])

    def _change(
        self,
        provider: str,
        read: Callable[[str], Versioned[T]],
        change: Callable[[T], T],
        put: Callable[..., int],
    ) -> None:
        def attempt() -> None:
            present = read(provider)
            wanted = change(present.value)
            if wanted != present.value:
                put(provider, wanted, generation=present.generation)

        self._against_races(attempt)

    def _against_races(self, attempt: Callable[[], None]) -> None:
        """Run ``attempt`` until it is not overtaken, at most ``ATTEMPTS`` times.

        :raises ConcurrentUpdate: it always was, or another attempt cannot help.
        """
        for number in range(ATTEMPTS):
            try:
                return attempt()
            except _ConsumerChanged:
                raise
            except ConcurrentUpdate:
                if number == ATTEMPTS - 1:
                    raise
                # Those who collided once would collide again at the same distance.
                self._sleep(random.uniform(0.005, 0.02) * 2**number)
        return None

    def _read(self, path: str, query: Query | None = None) -> requests.Response:
        return self._checked(self._call("GET", path, query=query))

    def _write(self, method: str, path: str, body: object) -> requests.Response:
        return self._checked(self._call(method, path, body=body))

    def _call(
        self, method: str, path: str, *, query: Query | None = None, body: object = None
    ) -> requests.Response:
        return self._service.call(
            method,
            path,
            query=query,
            body=body,
            microversion=MICROVERSION,
            context=self._context,
            deadline=self._deadline,
        )

    @staticmethod
    def _checked(answer: requests.Response) -> requests.Response:
        if answer.status_code >= 400:
            raise problem_of(answer)
        return answer


def load_placement(conf: cfg.ConfigOpts) -> Placement:
    """Placement as ``[placement]`` describes it.

    :raises Invalid: the group cannot be used, or says nothing about logging in; one line for the operator.
    """
    service = load_service(conf, "placement", name="Placement")
    if not service.has_credentials:
        raise Invalid(
            "Group [placement] gives no credentials: set auth_type (none for a service without Keystone)."
        )
    return Placement(service)


class _ConsumerChanged(ConcurrentUpdate):
    """The consumer, not only a provider, has changed: trying again cannot help."""


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


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)
