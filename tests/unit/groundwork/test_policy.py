"""Decisions are remembered for as long as the operator's files are trusted, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_policy import opts
from oslo_policy import policy as oslo_policy

from groundwork import policy as policies
from groundwork.context import RequestContext
from groundwork.errors import Forbidden
from groundwork.policy import Policy

RULE = "thing:show"
OWNER = RequestContext(user_id="u", project_id="p", roles=["member"], overwrite=False)
STRANGER = RequestContext(user_id="v", project_id="q", roles=["member"], overwrite=False)
TARGET = {"project_id": "p", "user_id": "u"}


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(policies, "time", clock)
    return clock


def make_policy(folder: Path) -> Policy:
    conf = cfg.ConfigOpts()
    opts.set_defaults(conf, policy_file=str(folder / "policy.yaml"))
    conf([], default_config_files=[])
    return Policy(conf, [oslo_policy.RuleDefault(RULE, "project_id:%(project_id)s")])


def test_each_caller_and_each_target_has_a_decision_of_its_own(
    tmp_path: Path, clock: Clock
) -> None:
    policy = make_policy(tmp_path)
    for _again in range(2):
        assert policy.allows(OWNER, RULE, TARGET)
        assert not policy.allows(STRANGER, RULE, TARGET)
        assert not policy.allows(OWNER, RULE, {**TARGET, "project_id": "q"})
        assert policy.allows(STRANGER, RULE, {**TARGET, "project_id": "q"})


def test_a_changed_file_counts_after_a_second(tmp_path: Path, clock: Clock) -> None:
    policy = make_policy(tmp_path)
    assert policy.allows(OWNER, RULE, TARGET)
    (tmp_path / "policy.yaml").write_text(f'"{RULE}": "!"\n')
    clock.now += 0.5
    assert policy.allows(OWNER, RULE, TARGET)
    clock.now += 0.6
    with pytest.raises(Forbidden, match=RULE):
        policy.require(OWNER, RULE, TARGET)
