"""The databases of the plane, one for the API and one for each of three cells; they are SQLite files."""

from __future__ import annotations

import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from nova.cells.registry import CELL0_UUID
from nova.db.api import models as api_models
from nova.db.api import schema as api_schema
from nova.db.cell import schema as cell_schema

CELL1 = "11111111-1111-1111-1111-111111111111"
CELL2 = "22222222-2222-2222-2222-222222222222"


def make_databases(folder: Path) -> Database:
    """Migrated databases in the folder, without servers or hosts; the API's, which names those of the cells."""
    _lay_out(folder)
    api = Database(f"sqlite:///{folder}/api.db")
    _map_cells(api, folder)
    return api


def _lay_out(folder: Path) -> None:
    """Copies of migrated, empty databases: migrating anew for each of hundreds of worlds would take minutes."""
    for name in ("api", "cell0", "cell1", "cell2"):
        template = _template("api" if name == "api" else "cell")
        shutil.copy(template, folder / f"{name}.db")


@lru_cache
def _template(kind: str) -> Path:
    path = Path(tempfile.mkdtemp(prefix="harness-")) / f"{kind}.db"
    database = Database(f"sqlite:///{path}")
    schema: Any = {"api": api_schema, "cell": cell_schema}[kind]
    schema.sync(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    database.dispose()
    return path


def _map_cells(api: Database, folder: Path) -> None:
    with api.write() as tx:
        tx.execute(
            sa.insert(api_models.cell_mappings),
            [
                {
                    "uuid": uuid,
                    "name": name,
                    "transport_url": "none:///",
                    "database_connection": f"sqlite:///{folder}/{name}.db",
                    "created_at": now(),
                }
                for uuid, name in ((CELL0_UUID, "cell0"), (CELL1, "cell1"), (CELL2, "cell2"))
            ],
        )
