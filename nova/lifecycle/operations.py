"""All operations of this release."""

from __future__ import annotations

from nova.lifecycle.confirm_resize import CONFIRM_RESIZE
from nova.lifecycle.create import CREATE
from nova.lifecycle.delete import DELETE
from nova.lifecycle.repair import REPAIR
from nova.lifecycle.resize import MIGRATE, RESIZE
from nova.lifecycle.revert_resize import REVERT_RESIZE
from nova.saga.operation import Operations

OPERATIONS = Operations(CREATE, DELETE, REPAIR, RESIZE, MIGRATE, CONFIRM_RESIZE, REVERT_RESIZE)
