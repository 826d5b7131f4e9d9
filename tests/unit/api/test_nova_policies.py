"""Rules of the Compute API and the operations that ask them."""

from __future__ import annotations

from typing import Any

import pytest
from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from groundwork.context import RequestContext
from groundwork.policy import Policy
from nova import policies


def rules_in_force(**oslo_options: Any) -> Policy:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    # Registers the options of oslo.policy.
    oslo_policy.Enforcer(conf)
    for name, value in oslo_options.items():
        conf.set_override(name, value, group="oslo_policy")
    return Policy(conf, policies.rules())


def caller(*roles: str, project: str = "p", user: str = "u") -> RequestContext:
    return RequestContext(user_id=user, project_id=project, roles=list(roles), overwrite=False)


TARGET = {"project_id": "p", "user_id": "u"}


def test_names_are_unique_and_rules_are_told() -> None:
    rules = policies.rules()
    names = [rule.name for rule in rules]
    assert len(names) == len(set(names)) == 215
    for rule in rules:
        assert rule.description
        if isinstance(rule, oslo_policy.DocumentedRuleDefault):
            assert all(operation["path"].startswith("/") for operation in rule.operations)
            assert rule.operations


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ("os_compute_api:servers:show", {"reader", "admin"}),
        ("os_compute_api:servers:create", {"member", "admin"}),
        ("os_compute_api:os-migrate-server:migrate", {"manager", "admin"}),
        ("os_compute_api:os-server-external-events:create", {"service", "admin"}),
        ("os_compute_api:os-flavor-manage:create", {"admin"}),
        (
            "os_compute_api:os-availability-zone:list",
            {"reader", "member", "manager", "service", "admin", "x"},
        ),
        ("compute:servers:resize:cross_cell", set()),
    ],
)
def test_default_rules_look_at_roles(rule: str, passes: set[str]) -> None:
    force = rules_in_force()
    roles = ("reader", "member", "manager", "service", "admin", "x")
    assert {role for role in roles if force.allows(caller(role), rule, TARGET)} == passes


def test_project_rules_look_at_the_project() -> None:
    force = rules_in_force()
    stranger = caller("member", "reader", project="other")
    assert not force.allows(stranger, "os_compute_api:servers:show", TARGET)
    assert not force.allows(stranger, "os_compute_api:servers:create", TARGET)


def test_key_pairs_belong_to_the_user() -> None:
    force = rules_in_force()
    rule = "os_compute_api:os-keypairs:show"
    assert force.allows(caller("x", project="other"), rule, TARGET)
    assert not force.allows(caller("member", user="v"), rule, TARGET)
    assert force.allows(caller("admin", user="v"), rule, TARGET)


def test_older_defaults_count_when_the_operator_asks() -> None:
    anybody = caller("x")
    for rule in ("os_compute_api:servers:show", "os_compute_api:os-flavor-access"):
        assert not rules_in_force().allows(anybody, rule, TARGET)
        assert rules_in_force(enforce_new_defaults=False).allows(anybody, rule, TARGET)
