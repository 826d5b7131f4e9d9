"""Queries on key pairs, on each database engine."""

from __future__ import annotations

import threading

import pytest

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound, OverQuota
from nova.db.api import key_pairs, quotas
from nova.db.api.key_pairs import KeyPair


def key_pair(name: str, user_id: str = "u") -> KeyPair:
    return KeyPair(
        user_id=user_id, name=name, type="ssh", fingerprint="f" * 47, public_key="ssh-rsa AAAA x"
    )


def store(database: Database, name: str, user_id: str = "u", *, limit: int = -1) -> KeyPair:
    return database.run(
        lambda tx: key_pairs.create_key_pair(tx, key_pair(name, user_id), limit=limit)
    )


def names(database: Database, user_id: str = "u", **page: object) -> list[str]:
    with database.read() as tx:
        return [k.name for k in key_pairs.page_key_pairs(tx, user_id, **page)]  # type: ignore[arg-type]


def test_key_pairs_are_found_by_user_and_name(api_database: Database) -> None:
    stored = store(api_database, "k")
    store(api_database, "k", "other")
    with api_database.read() as tx:
        assert key_pairs.find_key_pair(tx, "u", "k") == stored
        assert key_pairs.count_key_pairs(tx, "u") == 1
        with pytest.raises(NotFound):
            key_pairs.find_key_pair(tx, "u", "none")
    api_database.run(lambda tx: key_pairs.delete_key_pair(tx, "u", "k"))
    with pytest.raises(NotFound):
        api_database.run(lambda tx: key_pairs.delete_key_pair(tx, "u", "k"))
    assert names(api_database, "other") == ["k"]


def test_pages_by_name(api_database: Database) -> None:
    for name in ("c", "a", "b"):
        store(api_database, name)
    assert names(api_database) == ["a", "b", "c"]
    assert names(api_database, limit=2) == ["a", "b"]
    assert names(api_database, limit=2, marker="b") == ["c"]
    assert names(api_database, limit=0) == []
    with pytest.raises(Invalid):
        names(api_database, marker="z")
    with pytest.raises(Invalid):
        names(api_database, "other", marker="a")


def test_names_are_taken_per_user(api_database: Database) -> None:
    store(api_database, "k")
    with pytest.raises(Conflict, match="'k' already exists"):
        store(api_database, "k")


def test_limit_counts_what_is_there(api_database: Database) -> None:
    store(api_database, "a", limit=1)
    with pytest.raises(OverQuota):
        store(api_database, "b", limit=1)
    with pytest.raises(OverQuota):
        store(api_database, "b", "other", limit=0)
    store(api_database, "b", limit=-1)


def test_nobody_overshoots_while_the_lock_is_held(api_database: Database) -> None:
    quotas.make_lock(api_database, "u")
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def work(number: int) -> None:
        def in_turn(tx: Transaction) -> None:
            assert quotas.lock(tx, "u")
            key_pairs.create_key_pair(tx, key_pair(f"k{number}"), limit=2)

        start.wait(10)
        try:
            api_database.run(in_turn)
            outcomes.append("stored")
        except OverQuota:
            outcomes.append("refused")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["refused"] * 4 + ["stored"] * 2
    assert len(names(api_database)) == 2
