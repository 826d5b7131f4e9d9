"""Operations on key pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from groundwork.database import Database, Transaction
from groundwork.operations import Answer, Call, operation
from nova.api.compute.keypairs import keys, schemas
from nova.api.compute.keypairs.views import FullView, ListedView, MadeView, ShownKeyPair
from nova.api.links import Links
from nova.api.paging import Page, Paging
from nova.db.api import key_pairs, quotas
from nova.db.api.key_pairs import KeyPair

_RULE = "os_compute_api:os-keypairs"


class KeyPairLimits(Protocol):
    """How many key pairs a user may have; -1 means any number."""

    def key_pairs(self, project_id: str, user_id: str, /) -> int:
        """The limit of this user, as the project says."""
        ...


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose key pairs a request is about; the policy is asked about them."""

    user_id: str | None
    project_id: str | None


class Keypairs:
    """The key pairs of users. Admins name another user with ``user_id`` (since 2.10)."""

    def __init__(
        self, *, database: Database, limits: KeyPairLimits, links: Links, paging: Paging
    ) -> None:
        self._database = database
        self._limits = limits
        self._links = links
        self._paging = paging
        self._listed = ListedView()
        self._made = MadeView()
        self._full = FullView()

    @operation(
        "GET",
        "/os-keypairs",
        versions="2.1-",
        policy=f"{_RULE}:index",
        subject="owner_by_query",
        query=schemas.LIST_QUERY,
        response=schemas.INDEX_ANSWER,
        errors=(400, 403),
    )
    def index(self, call: Call, owner: Owner) -> Answer:
        """List the key pairs of a user by name."""
        page = self._paging.page(call.query) if call.version >= (2, 35) else None
        found = self._read(owner, page)
        body: dict[str, Any] = {
            "keypairs": [
                {"keypair": self._listed.show(call.version, ShownKeyPair(key_pair))}
                for key_pair in found
            ]
        }
        if page is not None and page.is_full(len(found)):
            body["keypairs_links"] = self._links.following(call, marker=found[-1].name)
        return Answer(body)

    @operation(
        "POST",
        "/os-keypairs",
        versions="2.1",
        policy=f"{_RULE}:create",
        subject="owner_by_body",
        body=schemas.CREATE,
        response=schemas.CREATE_ANSWER,
        errors=(400, 403, 409, 503),
    )
    @operation(
        "POST",
        "/os-keypairs",
        versions="2.2-",
        policy=f"{_RULE}:create",
        subject="owner_by_body",
        body=schemas.CREATE,
        response=schemas.CREATE_ANSWER,
        success=201,
        errors=(400, 403, 409, 503),
    )
    def create(self, call: Call, owner: Owner) -> Answer:
        """Import a public key, or (up to 2.91) make a key and show its private half once."""
        asked = call.body["keypair"]
        user_id = owner.user_id or ""
        key_type = asked.get("type", keys.SSH)
        public_key, private_key = asked.get("public_key"), None
        if public_key is None:
            made = keys.make_key(key_type, user_id)
            public_key, private_key = made.public_key, made.private_key
        stored = self._store(
            owner.project_id or "",
            KeyPair(
                user_id=user_id,
                name=asked["name"],
                type=key_type,
                fingerprint=keys.fingerprint_of(public_key, key_type),
                public_key=public_key,
            ),
        )
        shown = ShownKeyPair(stored, private_key)
        return Answer({"keypair": self._made.show(call.version, shown)})

    @operation(
        "GET",
        "/os-keypairs/{id}",
        versions="2.1-",
        policy=f"{_RULE}:show",
        subject="owner_by_query",
        query=schemas.ONE_QUERY,
        response=schemas.ANSWER,
        errors=(400, 403, 404),
    )
    def show(self, call: Call, owner: Owner) -> Answer:
        """Show a key pair by its name."""
        with self._database.read() as tx:
            found = key_pairs.find_key_pair(tx, owner.user_id or "", call.path["id"])
        return Answer({"keypair": self._full.show(call.version, ShownKeyPair(found))})

    @operation(
        "DELETE",
        "/os-keypairs/{id}",
        versions="2.1",
        policy=f"{_RULE}:delete",
        subject="owner_by_query",
        query=schemas.ONE_QUERY,
        success=202,
        errors=(400, 403, 404),
    )
    @operation(
        "DELETE",
        "/os-keypairs/{id}",
        versions="2.2-",
        policy=f"{_RULE}:delete",
        subject="owner_by_query",
        query=schemas.ONE_QUERY,
        success=204,
        errors=(400, 403, 404),
    )
    def delete(self, call: Call, owner: Owner) -> Answer:
        """Delete a key pair by its name; servers keep the key they were built with."""
        user_id = owner.user_id or ""
        self._database.run(lambda tx: key_pairs.delete_key_pair(tx, user_id, call.path["id"]))
        return Answer()

    def owner_by_query(self, call: Call) -> Owner:
        """The user named in the query (2.10), otherwise the caller."""
        named = call.query.get("user_id") if call.version >= (2, 10) else None
        return _owner(call, named)

    def owner_by_body(self, call: Call) -> Owner:
        """The user named in the body (its schema lets it in since 2.10), otherwise the caller."""
        return _owner(call, call.body["keypair"].get("user_id"))

    def _read(self, owner: Owner, page: Page | None) -> tuple[KeyPair, ...]:
        with self._database.read() as tx:
            if page is None:
                return key_pairs.page_key_pairs(tx, owner.user_id or "")
            return key_pairs.page_key_pairs(
                tx, owner.user_id or "", limit=page.limit, marker=page.marker
            )

    def _store(self, project_id: str, key_pair: KeyPair) -> KeyPair:
        """Count and insert while the user's quota lock is held, so that no two requests take the same room."""
        limit = self._limits.key_pairs(project_id, key_pair.user_id)

        def work(tx: Transaction) -> KeyPair | None:
            if not quotas.lock(tx, key_pair.user_id):
                return None
            return key_pairs.create_key_pair(tx, key_pair, limit=limit)

        stored = self._database.run(work)
        if stored is None:
            quotas.make_lock(self._database, key_pair.user_id)
            stored = self._database.run(work)
        assert stored is not None
        return stored


def _owner(call: Call, named: str | None) -> Owner:
    return Owner(user_id=named or call.context.user_id, project_id=call.context.project_id)
