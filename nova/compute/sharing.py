"""Which classes a node gets from a pool that it shares with others, and so does not have by itself.

An operator shares a storage pool by giving its provider the trait MISC_SHARES_VIA_AGGREGATE and putting it into an
aggregate with the computes that mount it. Placement then offers the pool's disk to those computes. A compute that went
on to offer the disk behind its own mount point would count the same bytes twice.
"""

from __future__ import annotations

from collections.abc import Collection

from nova.clients.placement import Placement

#: Which operators put on providers that serve the members of their aggregates.
SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"

# What a hypervisor measures on a file system that may be shared. Of all other classes it has its own, whoever else in
# the aggregate shares some.
_MAY_BE_SHARED = frozenset({"DISK_GB"})


def shared_classes(
    placement: Placement, aggregates: Collection[str], *, besides: Collection[str]
) -> frozenset[str]:
    """The classes that providers in these aggregates share with a node; costs no request without aggregates.

    A pool counts whether or not there is room left in it: a full one is no reason to offer the same disk again.

    :param besides: providers of the node itself, which share nothing with it.
    """
    if not aggregates:
        return frozenset()
    found: set[str] = set()
    for pool in placement.providers(
        required=(SHARING_TRAIT,), member_of=(tuple(sorted(aggregates)),)
    ):
        if pool.uuid not in besides:
            found.update(placement.inventories(pool.uuid).value)
    return _MAY_BE_SHARED & found
