"""``nova-status upgrade check``: all well, and each thing broken in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nova.clients.placement import Placement
from placement.cmd.status import run as run_placement_status
from tests.functional.cmd.conftest import UNUSABLE_URLS
from tests.functional.embedded.plane import make_placement, serve

PROGRAM = [sys.executable, "-c", "from nova.cmd.status import main; main()"]
CHECKS = [
    "Cells v2",
    "Placement API",
    "Cinder API",
    "Policy File JSON to YAML Migration",
    "Older than N-1 computes",
    "hw_machine_type unset",
    "Service User Token Configuration",
]
SUCCESS, WARNING, FAILURE = 0, 1, 2


@pytest.fixture
def healthy(manage: Any, placement: Placement) -> Any:
    """A deployment that is ready: cell0, a cell, a mapped host, Placement and a service user."""
    manage.make_cell("cell1")
    manage.report_host("cell1", "h1")
    manage.succeed("cell_v2", "discover_hosts")
    append(manage, "[service_user]\nsend_service_user_token = true\nauth_type = password\n")
    return manage


def append(manage: Any, text: str) -> None:
    with manage.config.open("a") as config:
        config.write(text)


def results(ran: Any) -> dict[str, tuple[str, str]]:
    """Result and details of each check, from the table."""
    found: dict[str, tuple[str, str]] = {}
    for box in ran.out.split("+\n")[2:-1]:
        lines = [line.strip("|").strip() for line in box.splitlines()[:-1]]
        text = " ".join(lines)
        name, rest = text.removeprefix("Check: ").split(" Result: ", 1)
        result, details = rest.split(" Details: ", 1)
        found[name] = (result, details)
    return found


def test_all_is_well(healthy: Any) -> None:
    ran = healthy.upgrade_check()
    edge = f"+{'-' * 43}+"
    boxes = [
        line
        for name in CHECKS
        for line in (f"Check: {name}", "Result: Success", "Details: None", edge)
    ]
    rows = ["Upgrade Check Results", edge, *boxes]
    assert ran.out.splitlines() == [
        edge,
        *(row if row == edge else f"| {row:41} |" for row in rows),
    ]
    assert ran.status == SUCCESS


def test_json_has_the_same_as_numbers(healthy: Any) -> None:
    assert json.loads(healthy.upgrade_check("--json").line) == {
        "name": "Upgrade Check Results",
        "checks": [{"check": name, "result": 0, "details": None} for name in CHECKS],
    }
    healthy.execute("cell1", "UPDATE services SET version = 0")
    ran = healthy.upgrade_check("--json")
    assert [check["result"] for check in json.loads(ran.line)["checks"]] == [
        FAILURE if name == "Older than N-1 computes" else SUCCESS for name in CHECKS
    ]
    assert ran.status == FAILURE


@pytest.mark.parametrize("url", UNUSABLE_URLS)
def test_a_url_that_leads_nowhere_is_a_finding(healthy: Any, url: str) -> None:
    change = "UPDATE cell_mappings SET database_connection = :url WHERE name = 'cell1'"
    healthy.execute("api", change, url=url)
    ran = healthy.upgrade_check()
    assert ran.status == FAILURE
    result, details = results(ran)["Cells v2"]
    assert result == "Failure"
    assert "The URL in the database connection of cell cell1" in details

    config = healthy.config.read_text()
    healthy.config.write_text(config.replace(healthy.url("api"), url))
    ran = healthy.upgrade_check()
    assert ran.status == FAILURE
    result, details = results(ran)["Cells v2"]
    assert result == "Failure"
    assert "The URL in [api_database]/connection cannot be used" in details


def lose_cell0(manage: Any) -> None:
    manage.execute("api", "DELETE FROM cell_mappings WHERE name = 'cell0'")


def lose_cell1(manage: Any) -> None:
    manage.execute("api", "DELETE FROM host_mappings")
    manage.execute("api", "DELETE FROM cell_mappings WHERE name = 'cell1'")


def unmap_all_hosts(manage: Any) -> None:
    manage.execute("api", "DELETE FROM host_mappings")
    manage.execute("cell1", "UPDATE compute_nodes SET mapped = false")


def add_unmapped_host(manage: Any) -> None:
    manage.report_host("cell1", "h2")


def lose_cell_database(manage: Any) -> None:
    lost = "UPDATE cell_mappings SET database_connection = 'sqlite:////nowhere/lost.db'"
    manage.execute("api", f"{lost} WHERE name = 'cell1'")
    manage.execute("api", "UPDATE cell_mappings SET disabled = true WHERE name = 'cell1'")


def lose_tables(manage: Any) -> None:
    manage.execute("api", "DROP TABLE host_mappings")


def stop_placement(manage: Any) -> None:
    manage.use_placement(1)


def lose_credentials(manage: Any) -> None:
    text = manage.config.read_text().replace("auth_type = admin_token", "")
    manage.config.write_text(text)


def write_json_policy(manage: Any) -> None:
    policy = manage.folder / "policy.json"
    policy.write_text('{"os_compute_api:servers:index": "@"}')
    append(manage, f"[oslo_policy]\npolicy_file = {policy}\n")


def age_computes(manage: Any) -> None:
    manage.execute("cell1", "UPDATE services SET version = 0")


def use_cinder(manage: Any, port: int) -> None:
    url = f"http://127.0.0.1:{port}/v3/0a1b2c"
    append(manage, f"[cinder]\nauth_type = admin_token\ntoken = t\nendpoint = {url}\n")


def lose_cinder(manage: Any) -> None:
    use_cinder(manage, 1)


def configure_half_of_cinder(manage: Any) -> None:
    append(manage, "[cinder]\nauth_type = lost\n")


def run_without_machine_type(manage: Any) -> None:
    manage.add_server("cell1", "s1", host="h1")
    manage.execute("cell1", "UPDATE compute_nodes SET hypervisor_type = 'QEMU'")


def send_no_token(manage: Any) -> None:
    append(manage, "[service_user]\nsend_service_user_token = false\n")


BREAKAGES: list[tuple[Callable[[Any], None], str, int, str]] = [
    (lose_cell0, "Cells v2", FAILURE, "no mapping of cell0"),
    (lose_cell1, "Cells v2", FAILURE, "no cell besides cell0"),
    (unmap_all_hosts, "Cells v2", FAILURE, "No host mappings found but there are compute nodes"),
    (add_unmapped_host, "Cells v2", WARNING, "Hosts are in no cell yet: h2."),
    (lose_tables, "Cells v2", FAILURE, "has 'nova-manage api_db sync' been run?"),
    (stop_placement, "Placement API", FAILURE, "Placement cannot be reached"),
    (lose_credentials, "Placement API", FAILURE, "gives no credentials"),
    (lose_cinder, "Cinder API", FAILURE, "Cinder cannot be reached"),
    (configure_half_of_cinder, "Cinder API", FAILURE, "Group [cinder] gives no usable credentials"),
    (write_json_policy, "Policy File JSON to YAML Migration", FAILURE, "is JSON"),
    (age_computes, "Older than N-1 computes", FAILURE, "h1 (version 0)"),
    (run_without_machine_type, "hw_machine_type unset", WARNING, "no hw_machine_type: s1."),
    (send_no_token, "Service User Token Configuration", FAILURE, "[service_user]"),
]


@pytest.mark.parametrize(
    ("breakage", "check", "status", "words"),
    BREAKAGES,
    ids=[breakage.__name__ for breakage, *_ in BREAKAGES],
)
def test_each_breakage_is_named(
    healthy: Any, breakage: Callable[[Any], None], check: str, status: int, words: str
) -> None:
    """nova-status upgrade check tells missing cell0, unmapped hosts and missing placement

    Break each in turn; result table names it and the exit code follows the documented scale
    """
    breakage(healthy)
    ran = healthy.upgrade_check()
    found = results(ran)
    assert list(found) == CHECKS
    result, details = found.pop(check)
    assert result == ("Warning" if status == WARNING else "Failure")
    assert words in details
    assert ran.status == status
    assert set(found.values()) == {("Success", "None")}, "nothing else is wrong"


def test_a_cell_that_does_not_answer_is_told(healthy: Any) -> None:
    lose_cell_database(healthy)
    ran = healthy.upgrade_check()
    found = results(ran)
    assert found["Cells v2"][0] == "Failure"
    assert "The database of cell cell1" in found["Cells v2"][1]
    assert found["Older than N-1 computes"][0] == found["hw_machine_type unset"][0] == "Warning"
    assert ran.status == FAILURE


def test_a_deployment_without_hosts_is_reminded_of_discovery(healthy: Any) -> None:
    unmap_all_hosts(healthy)
    healthy.execute("cell1", "DELETE FROM compute_nodes")
    ran = healthy.upgrade_check()
    result, details = results(ran)["Cells v2"]
    assert (ran.status, result) == (SUCCESS, "Success")
    assert "discover_hosts" in details


def test_an_old_placement_is_told_with_both_versions(healthy: Any) -> None:
    versions = {"versions": [{"id": "v1.0", "min_version": "1.0", "max_version": "1.9"}]}

    def old_placement(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(versions).encode()]

    server = serve(old_placement)
    try:
        healthy.use_placement(server.port)
        ran = healthy.upgrade_check()
    finally:
        server.stop()
    assert ran.status == FAILURE
    assert "Placement API version 1.39 needed, you have 1.9" in results(ran)["Placement API"][1]


def test_an_old_cinder_is_told_with_both_versions(healthy: Any) -> None:
    told = {"id": "v3.0", "status": "CURRENT", "version": "3.43"}

    def old_cinder(environ: Any, start_response: Any) -> list[bytes]:
        links = [{"rel": "self", "href": f"http://{environ['HTTP_HOST']}/v3/"}]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"versions": [{**told, "links": links}]}).encode()]

    server = serve(old_cinder)
    try:
        use_cinder(healthy, server.port)
        ran = healthy.upgrade_check()
        told["version"] = "3.44"
        assert healthy.upgrade_check().status == SUCCESS
    finally:
        server.stop()
    assert ran.status == FAILURE
    assert "Cinder API version 3.44 needed, you have 3.43" in results(ran)["Cinder API"][1]


@pytest.mark.parametrize(
    "words", [(), ("upgrade",), ("upgrade", "check", "--nonsense"), ("nonsense",)]
)
def test_a_mistake_on_the_command_line_is_no_failed_check(bare: Any, words: tuple[str]) -> None:
    """2 would tell of an upgrade that is in danger."""
    ran = bare.status(*words)
    assert ran.status == 255
    assert "usage: " in ran.err
    assert bare.status("--help").status == 0


def test_the_console_script_exits_255_when_something_is_unexpected(healthy: Any) -> None:
    answer = subprocess.run(
        [*PROGRAM, "--config-file", "/nonexistent", "upgrade", "check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (answer.returncode, answer.stdout) == (255, "")
    assert answer.stderr == "nova-status: configuration file not found: /nonexistent\n"


def test_placement_status_tells_a_json_policy_file(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same table, of Placement's own checks."""
    make_placement(tmp_path)
    config = tmp_path / "placement.conf"
    check = ["--config-file", str(config), "upgrade", "check"]
    capsys.readouterr()
    assert run_placement_status(check) == SUCCESS
    assert capsys.readouterr().out.count("Result: Success") == 3
    policy = tmp_path / "policy.json"
    policy.write_text("{}")
    config.write_text(config.read_text() + f"[oslo_policy]\npolicy_file = {policy}\n")
    assert run_placement_status(check) == FAILURE
    assert "Result: Failure" in capsys.readouterr().out
