"""The import rules: what they let through, what they refuse, and how imports are read."""

from __future__ import annotations

from pathlib import Path

import check_imports
import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_the_project_keeps_the_rules() -> None:
    found = [
        line
        for package in check_imports.PACKAGES
        for line in check_imports.check_package(ROOT, package)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("nova.api.compute.servers.operations", "nova.lifecycle.create"),
        ("nova.api.compute.hypervisors.operations", "nova.db.cell.compute_nodes"),
        ("nova.lifecycle.create", "nova.saga.operation"),
        ("nova.saga.store", "nova.db.cell.actions"),
        ("nova.saga.engine", "nova.rpc.bus"),
        ("nova.scheduler.manager", "nova.clients.placement"),
        ("nova.compute.agent", "nova.virt.driver"),
        ("nova.cells.discovery", "nova.db.api.host_mappings"),
        ("nova.db.cell.servers", "sqlalchemy"),
        ("nova.cmd.all", "nova.compute.agent"),
        ("nova.cmd.all", "placement.wsgi.api"),
        ("nova.wsgi.osapi_compute", "nova.api.app"),
        ("nova.rpc.bus", "oslo_messaging"),
        ("nova.api.versions", "nova.__version__"),
        ("placement.api.errors", "placement.records"),
        ("elsewhere.entirely", "nova.api"),
    ],
)
def test_the_right_way_is_open(module: str, imported: str) -> None:
    assert check_imports.complaint(module, imported) is None


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("groundwork.database", "nova.db"),
        ("groundwork.application", "placement.api.errors"),
        ("placement.api.operations", "nova.errors"),
        ("placement.inventory.trees", "nova"),
        ("placement.api.operations", "sqlalchemy.select"),
        ("placement.db.queries.named", "placement.api.errors"),
        ("nova.api.compute.servers.views", "sqlalchemy"),
        ("nova.api.compute.servers.operations", "oslo_messaging"),
        ("nova.api.app", "nova.rpc.bus"),
        ("nova.api.app", "nova.compute.agent"),
        ("nova.lifecycle.create", "webob"),
        ("nova.lifecycle.create", "nova.api.errors"),
        ("nova.saga.engine", "nova.lifecycle.create"),
        ("nova.db.cell.servers", "nova.saga.store"),
        ("nova.db.cell.servers", "webob.exc"),
        ("nova.db.api.builds", "nova.rpc"),
        ("nova.virt.fake.driver", "nova.db.cell"),
        ("nova.virt.fake.driver", "groundwork.database"),
        ("nova.virt.libvirt.driver", "oslo_messaging"),
        ("nova.compute.agent", "nova.cells.registry"),
        ("nova.compute.agent", "nova.db.cell.services"),
        ("nova.compute.agent", "nova.conductor.door"),
        ("nova.rpc.bus", "nova.cells"),
        ("nova.errors", "nova.db"),
        ("nova.cmd.conductor", "placement.db"),
    ],
)
def test_the_wrong_way_is_refused_with_a_reason(module: str, imported: str) -> None:
    complaint = check_imports.complaint(module, imported)
    assert complaint is not None
    assert f"must not import {imported}: " in complaint
    assert "\n" not in complaint


def test_a_name_that_only_begins_alike_is_another_room() -> None:
    assert check_imports.complaint("nova.errors", "novaclient.client") is None
    room = check_imports.room_of("nova.api_samples")
    assert room is not None
    assert room.name == "nova"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b, c", ["a.b", "c"]),
        ("from a.b import c as d", ["a.b.c"]),
        ("from . import c", ["nova.api.c"]),
        ("from ..db import c", ["nova.db.c"]),
        ("def f():\n    import a", ["a"]),
        ("if TYPE_CHECKING:\n    from a import b", ["a.b"]),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, expected: list[str]) -> None:
    found = check_imports.imports_of(source, module="nova.api.app")
    assert [imported.name for imported in found] == expected


def test_relative_imports_of_a_package_start_in_it() -> None:
    found = check_imports.imports_of("from .x import y", module="nova.api", is_package=True)
    assert [imported.name for imported in found] == ["nova.api.x.y"]


def test_complaints_name_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "placement" / "api" / "views.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("import json\n\nfrom sqlalchemy import select\n")
    assert check_imports.main(tmp_path) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(
        "placement/api/views.py:3: placement.api must not import sqlalchemy"
    )
    wrong.write_text("import json\n")
    assert check_imports.main(tmp_path) == 0
