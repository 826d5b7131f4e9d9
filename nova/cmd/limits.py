"""Where limits are made out of the configuration."""

from __future__ import annotations

from oslo_config import cfg

from groundwork.database import Database
from nova.clients import oslo_limit
from nova.conf.quota import NOOP_DRIVER, UNIFIED_DRIVER
from nova.quota.limits import DefaultLimits, Limits
from nova.quota.stored import NoLimits, StoredLimits
from nova.quota.unified import Rules, Strategy, UnifiedLimits


def load_limits(conf: cfg.ConfigOpts, database: Database) -> Limits:
    """The limits of the driver that ``[quota]`` names.

    :raises Invalid: those of Keystone are wanted and ``[oslo_limit]`` cannot be used; one line for the operator.
    """
    if conf.quota.driver == NOOP_DRIVER:
        return NoLimits()
    if conf.quota.driver == UNIFIED_DRIVER:
        oslo_limit.hand_over(conf)
        return UnifiedLimits(oslo_limit.KeystoneLimits(), _unified_rules(conf))
    return StoredLimits(database, default_limits(conf))


def _unified_rules(conf: cfg.ConfigOpts) -> Rules:
    """What limits of the identity service mean, by ``[quota]`` and ``[workarounds]``."""
    return Rules(
        strategy=Strategy(conf.quota.unified_limits_resource_strategy),
        resources=frozenset(conf.quota.unified_limits_resource_list),
        counts_pcpu_as_vcpu=conf.workarounds.unified_limits_count_pcpu_as_vcpu,
    )


def default_limits(conf: cfg.ConfigOpts) -> DefaultLimits:
    """The limits of ``[quota]``."""
    quota = conf.quota
    return DefaultLimits(
        instances=quota.instances,
        cores=quota.cores,
        ram=quota.ram,
        metadata_items=quota.metadata_items,
        injected_files=quota.injected_files,
        injected_file_content_bytes=quota.injected_file_content_bytes,
        injected_file_path_bytes=quota.injected_file_path_length,
        key_pairs=quota.key_pairs,
        server_groups=quota.server_groups,
        server_group_members=quota.server_group_members,
    )
