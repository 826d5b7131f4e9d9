"""The configuration files that the quick start writes."""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

import pytest
from quickstart_parts import configs
from quickstart_parts.plan import Plan, parse_plan

from nova.cmd import beginning
from nova.cmd.all import embedded_cells, prepare
from nova.cmd.manage.program import run as manage

PASSWORDS = {user: f"secret-of-{user}" for user in ("admin", "demo", "nova", "placement", "glance")}


def _plan(root: Path, *arguments: str) -> Plan:
    return parse_plan(arguments, project_root=root)


def _read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.read(path)
    return parser


def test_nova_gets_its_cells_and_the_urls_of_this_plan(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "--cells", "3", "--hosts", "4", "--port-base", "15000")
    configs.write_configs(plan, PASSWORDS)
    nova = _read(plan.work_dir / "nova/nova.conf")
    assert dict(nova["embedded"]) == {
        "listen_host": "127.0.0.1",
        "listen_port": "15003",
        "cells": "3",
        "hosts_per_cell": "4",
    }
    for group in ("keystone_authtoken", "service_user", "placement", "glance"):
        assert nova[group]["auth_url"] == "http://127.0.0.1:15000/v3"
        assert nova[group]["username"] == "nova"
        assert nova[group]["password"] == "secret-of-nova"
    assert nova["service_user"]["send_service_user_token"] == "true"


def test_only_neighbours_get_no_nova_and_no_placement(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "--only-neighbours")
    configs.write_configs(plan, PASSWORDS)
    assert {path.name for path in plan.work_dir.iterdir()} == {"glance", "keystone", "overrides"}


def test_own_options_come_last_so_that_they_count(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    plan.overrides.mkdir(parents=True)
    (plan.overrides / "nova.conf").write_text("[quota]\ninstances = 7\n")
    configs.write_configs(plan, PASSWORDS)
    text = (plan.work_dir / "nova/nova.conf").read_text()
    assert text.index("instances = 100") < text.index("instances = 7")


@pytest.mark.parametrize("moved", [False, True])
def test_operators_programs_find_the_databases_of_nova_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], moved: bool
) -> None:
    """They are where they have always been, so that a directory that was kept is found again."""
    plan = _plan(tmp_path)
    state = plan.work_dir / "nova/state"
    if moved:
        state = tmp_path / "elsewhere"
        plan.overrides.mkdir(parents=True)
        (plan.overrides / "nova.conf").write_text(f"[DEFAULT]\nstate_path = {state}\n")
    configs.write_configs(plan, PASSWORDS)
    option = ["--config-file", str(plan.nova_conf)]
    conf = beginning.read_options(option)
    prepare(conf, embedded_cells(conf))
    kept = {path.name for path in state.glob("*.db")}
    assert kept == {"api.db", "cell0.db", "cell1.db", "cell2.db"}
    assert manage([*option, "cell_v2", "list_cells"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in ("cell0", "cell1", "cell2") if f"| {name} " in shown] == [
        *("cell0", "cell1", "cell2")
    ]
    assert manage([*option, "db", "version"]) == 0


def test_files_with_passwords_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    configs.write_configs(plan, PASSWORDS)
    written = list(plan.work_dir.glob("*/*.conf"))
    assert len(written) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}


def test_vassal_listens_on_its_port_and_dies_when_its_application_does_not_load(
    tmp_path: Path,
) -> None:
    plan = _plan(tmp_path)
    path = tmp_path / "placement.ini"
    path.write_text(configs.vassal(plan, "placement", 8778, "placement.wsgi.api"))
    options = _read(path)["uwsgi"]
    assert options["http-socket"] == "127.0.0.1:8778"
    assert options["module"] == "placement.wsgi.api:application"
    assert options["need-app"] == "true"
    assert options["logto"] == str(plan.logs / "placement.log")


def test_clouds_name_the_tenant_and_the_operator(tmp_path: Path) -> None:
    text = configs.clouds_yaml(_plan(tmp_path), PASSWORDS)
    tenant, operator = text.split("  quickstart-admin:\n")
    assert tenant.startswith("clouds:\n  quickstart:\n")
    assert 'password: "secret-of-demo"' in tenant
    assert "project_name: demo" in tenant
    assert 'password: "secret-of-admin"' in operator
    assert "project_name: admin" in operator


def test_every_key_of_keystone_lies_in_the_work_directory(tmp_path: Path) -> None:
    """Without ``fernet_receipts`` it starts only where somebody has made /etc/keystone/fernet-keys."""
    plan = _plan(tmp_path)
    configs.write_configs(plan, PASSWORDS)
    keystone = _read(plan.work_dir / "keystone/keystone.conf")
    repositories = {
        group: Path(keystone[group]["key_repository"])
        for group in ("fernet_tokens", "fernet_receipts", "credential")
    }
    assert all(path.is_relative_to(plan.work_dir) for path in repositories.values()), repositories
