"""The standard resource classes and traits, brought into the database when the service starts."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import os_resource_classes
import os_traits
from oslo_db import exception as db_exc

from groundwork.database import Database
from placement.db import models
from placement.db.queries import named

LOG = logging.getLogger(__name__)

# Ids follow the fixed order of the public list, so every process knows them without asking.
STANDARD_CLASS_IDS: Mapping[str, int] = {
    name: position for position, name in enumerate(os_resource_classes.STANDARDS, start=1)
}

# Processes that start at the same moment insert the same rows; each look after a lost race finds more of them.
_TRIES = 5


def sync(database: Database) -> None:
    """Add the standard names that are missing; nothing happens when all are there.

    Safe from several processes at once. Names that the public lists have dropped stay: providers may carry them.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            added = database.run(
                lambda tx: (
                    named.insert_missing(tx, models.resource_classes, STANDARD_CLASS_IDS)
                    + named.insert_missing(tx, models.traits, dict.fromkeys(os_traits.get_traits()))
                )
            )
        except db_exc.DBDuplicateEntry:
            if attempt == _TRIES:
                raise
            continue
        if added:
            LOG.info("added %d standard resource classes and traits", added)
        return
