"""Console tokens of a cell's servers. Only hashes of them are kept: who reads the table can open no console."""

from __future__ import annotations

import hashlib
from datetime import datetime

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import console_auth_tokens, instances
from nova.domain.console import ConsoleAccess, ConsoleGrant

_TABLE = console_auth_tokens


def insert(
    tx: Transaction, token: str, grant: ConsoleGrant, *, now: datetime, expires_at: datetime
) -> None:
    """Keep what a new token permits; tokens of the cell that have expired are removed on the way."""
    tx.execute(sa.delete(_TABLE).where(_TABLE.c.expires_at <= now))
    access = grant.access
    tx.execute(
        sa.insert(_TABLE).values(
            created_at=now,
            expires_at=expires_at,
            token_hash=_hash(token),
            instance_uuid=grant.server_uuid,
            server_host=grant.server_host,
            console_type=grant.console_type,
            access_url_base=access.base_url,
            host=access.host,
            port=access.port,
            tls_port=access.tls_port,
            internal_access_path=access.internal_access_path,
        )
    )


def find(tx: Transaction, token: str, *, now: datetime) -> ConsoleGrant | None:
    """What a token permits here: nothing when it has expired, was given in another cell, or its server is gone or has
    left the host.
    """
    row = tx.execute(
        sa.select(_TABLE)
        .join(instances, instances.c.uuid == _TABLE.c.instance_uuid)
        .where(
            _TABLE.c.token_hash == _hash(token),
            _TABLE.c.expires_at > now,
            instances.c.deleted == 0,
            instances.c.host == _TABLE.c.server_host,
        )
    ).first()
    if row is None:
        return None
    return ConsoleGrant(
        server_uuid=row.instance_uuid,
        server_host=row.server_host,
        console_type=row.console_type,
        access=ConsoleAccess(
            base_url=row.access_url_base,
            host=row.host,
            port=row.port,
            tls_port=row.tls_port,
            internal_access_path=row.internal_access_path,
        ),
    )


def forget(tx: Transaction, server_uuid: str) -> None:
    """Let no token of the server be of use any more."""
    tx.execute(sa.delete(_TABLE).where(_TABLE.c.instance_uuid == server_uuid))


def _hash(token: str) -> str:
    # Tokens are random enough that nobody finds one by trying; salt or a slow hash would add nothing.
    return hashlib.sha256(token.encode()).hexdigest()
