"""Shadow tables: where the rows of deleted servers go when they are archived.

A shadow has the columns of its table, whatever they are: a revision that adds a column to a table adds it to
``shadow_<table>`` as well, which the test of models against revisions demands.
"""

from __future__ import annotations

import sqlalchemy as sa

from groundwork.columns import MYSQL_TABLE

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def shadow_of(table: sa.Table) -> sa.Table:
    """The shadow of a table, in the same metadata.

    Besides the table's columns it has a number of its own, as SQLite gives the ids of removed rows out anew, and the
    server whose rows these are, by which they are found and purged. It has none of the table's constraints.
    """
    name = f"shadow_{table.name}"
    copies = [sa.Column(own.name, own.type, nullable=own.nullable) for own in table.columns]
    indexes = [sa.Index(f"{name}_server_idx", "server_uuid")]
    if "deleted_at" in table.columns:
        indexes.append(sa.Index(f"{name}_deleted_at_idx", "deleted_at"))
    return sa.Table(
        name,
        table.metadata,
        sa.Column("shadow_id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("server_uuid", sa.String(36), nullable=False),
        *copies,
        *indexes,
        **MYSQL_TABLE,
    )
