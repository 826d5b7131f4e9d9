"""All operations of this release."""

from __future__ import annotations

from nova.lifecycle.create import CREATE
from nova.lifecycle.delete import DELETE
from nova.lifecycle.repair import REPAIR
from nova.saga.operation import Operations

OPERATIONS = Operations(CREATE, DELETE, REPAIR)
