"""The Placement service: who has what to offer, and who holds how much of it.

Providers form trees, carry inventories, traits and aggregates; consumers hold allocations. Belongs here: everything
of that, with its own database. Does not belong here: servers, hosts, flavors or anything else of Compute; nothing
of ``nova`` is imported. Imports point one way: ``api -> inventory | allocations | candidates -> db``.
"""

__version__ = "1.0.0"
