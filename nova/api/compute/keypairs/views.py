"""Key pairs as clients see them, by version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.db.api.key_pairs import KeyPair


@dataclass(frozen=True, slots=True)
class ShownKeyPair:
    """A key pair on its way out; ``private_key`` only in the answer that made it."""

    key_pair: KeyPair
    private_key: str | None = None


class ListedView(View[ShownKeyPair]):
    """An entry of the list."""

    def start(self, shown: ShownKeyPair) -> dict[str, Any]:
        return {
            "name": shown.key_pair.name,
            "public_key": shown.key_pair.public_key,
            "fingerprint": shown.key_pair.fingerprint,
        }

    @changed_in("2.2")
    def _type(self, body: dict[str, Any], shown: ShownKeyPair) -> None:
        body["type"] = shown.key_pair.type


class MadeView(ListedView):
    """What was just created or imported."""

    def start(self, shown: ShownKeyPair) -> dict[str, Any]:
        body = {**super().start(shown), "user_id": shown.key_pair.user_id}
        if shown.private_key is not None:
            body["private_key"] = shown.private_key
        return body


class FullView(ListedView):
    """A key pair with everything that there is to know."""

    def start(self, shown: ShownKeyPair) -> dict[str, Any]:
        key_pair = shown.key_pair
        created_at = key_pair.created_at
        return {
            **super().start(shown),
            "id": key_pair.id,
            "user_id": key_pair.user_id,
            "created_at": created_at and created_at.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            # Key pairs are never changed, and gone when they are deleted.
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
