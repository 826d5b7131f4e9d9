"""``POST /os-scheduler-dry-run``: who may ask, what is read, how an outlook is shown. The scheduler is played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.context import RequestContext
from groundwork.errors import Late
from nova.api.compute.dry_run.operations import DryRunOperations
from nova.api.compute.servers.boot_source import BootSource
from nova.api.compute.servers.create_request import CreateOptions, CreateRequests
from nova.db.api.models import build_requests, instance_mappings, request_specs
from nova.domain.outlook import (
    Change,
    ChangeKind,
    Constraint,
    Count,
    Outlook,
    Place,
    Plan,
    Where,
)
from nova.lifecycle.accept import CreateRequest
from nova.quota.limits import DefaultLimits
from nova.quota.stored import StoredLimits
from tests.api.servers.service import IMAGE, OneImage, ServerCloud

PATH = "/os-scheduler-dry-run"
NEWEST = "2.103"
FITS = Outlook(
    would_fit=True,
    plans=(
        Plan(
            Place("cell1", "h1", "n1", "nova", 2.5),
            (Place("cell1", "h2", "n2", "nova", 1.0),),
        ),
    ),
    constraints=(
        Constraint(
            "VCPU (1 asked)", Where.PLACEMENT, 1, 2, {"cell1": Count(0, 2), "cell2": Count(1, 0)}
        ),
    ),
)
REFUSED = Outlook(
    would_fit=False,
    changes=(Change(ChangeKind.REDUCE, "reduce VCPU from 8 to 6", "VCPU", 0.25, "8", "6", 2),),
    message="No valid host was found. There are 2 hosts.",
    tried_all=False,
)


class Scheduler:
    """Answers with what the test put in, and remembers what it was asked."""

    def __init__(self) -> None:
        self.outlook: Outlook | Exception = FITS
        self.asked: list[CreateRequest] = []

    def ask(self, _context: RequestContext, request: CreateRequest) -> Outlook:
        self.asked.append(request)
        if isinstance(self.outlook, Exception):
            raise self.outlook
        return self.outlook


class DryRunCloud(ServerCloud):
    scheduler: Scheduler

    def serve_dry_runs(self) -> None:
        self.scheduler = Scheduler()
        self.serve(
            DryRunOperations(
                requests=CreateRequests(
                    api_database=self.api_database,
                    boot_source=BootSource(
                        images=OneImage(),  # type: ignore[arg-type]
                        volumes=None,
                    ),
                    limits=StoredLimits(self.api_database, DefaultLimits()),
                    upgrades=self.upgrades,
                    options=CreateOptions(),
                ),
                dry_runs=self.scheduler,  # type: ignore[arg-type]
            )
        )

    def ask(
        self, *, status: int = 200, version: str = NEWEST, how: Any = None, **server: Any
    ) -> Any:
        """The answer to a dry run; nothing is recorded, whatever it is."""
        full = {"imageRef": IMAGE, "flavorRef": "1", "networks": "none", **server}
        hints = full.pop("hints", None)
        body: dict[str, Any] = {"server": {k: v for k, v in full.items() if v is not None}}
        if hints:
            body["os:scheduler_hints"] = hints
        answer = self.answer(
            PATH, method="POST", body=body, status=status, version=version, **(how or {})
        )
        for table in (build_requests, instance_mappings, request_specs):
            assert self.rows(table) == []
        return answer


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[DryRunCloud]:
    found = DryRunCloud(tmp_path)
    found.serve_dry_runs()
    found.add_flavor()
    yield found
    found.close()


def test_hosts_and_constraints_are_shown_by_cell(cloud: DryRunCloud) -> None:
    assert cloud.ask() == {
        "would_fit": True,
        "message": None,
        "hosts": [
            {
                "cell": "cell1",
                "host": "h1",
                "hypervisor_hostname": "n1",
                "availability_zone": "nova",
                "weight": 2.5,
                "alternates": [
                    {
                        "cell": "cell1",
                        "host": "h2",
                        "hypervisor_hostname": "n2",
                        "availability_zone": "nova",
                        "weight": 1.0,
                    }
                ],
            }
        ],
        "constraints": [
            {
                "name": "VCPU (1 asked)",
                "where": "placement",
                "removed": 1,
                "left": 2,
                "by_cell": {
                    "cell1": {"removed": 0, "left": 2},
                    "cell2": {"removed": 1, "left": 0},
                },
            }
        ],
        "smallest_changes": [],
        "all_changes_tried": True,
    }


def test_changes_that_would_help_are_shown(cloud: DryRunCloud) -> None:
    cloud.scheduler.outlook = REFUSED
    shown = cloud.ask()
    assert not shown["would_fit"]
    assert shown["message"].startswith("No valid host was found.")
    assert not shown["all_changes_tried"]
    assert shown["smallest_changes"] == [
        {
            "change": "reduce VCPU from 8 to 6",
            "kind": "reduce",
            "what": "VCPU",
            "from": "8",
            "to": "6",
            "hosts": 2,
        }
    ]


@pytest.mark.parametrize("name", [None, "one"])
def test_the_body_is_that_of_a_create(cloud: DryRunCloud, name: str | None) -> None:
    cloud.map_host("cell1", "h1")
    cloud.ask(
        name=name,
        host="h1",
        max_count=3,
        hints={"build_near_host_ip": "192.0.2.1"},
        metadata={"k": "v"},
    )
    [request] = cloud.scheduler.asked
    assert (request.min_count, request.max_count) == (1, 3)
    assert request.spec.flavor.flavorid == "1"
    assert request.spec.requested_host == "h1"
    assert request.spec.scheduler_hints == {"build_near_host_ip": "192.0.2.1"}
    assert request.spec.image_properties["architecture"] == "x86_64"


def test_every_version_reads_its_own_form_of_the_body(cloud: DryRunCloud) -> None:
    cloud.ask(version="2.1", networks=None)
    cloud.ask(version="2.1", networks=None, host="h1", status=400)
    cloud.ask(version="2.37", networks=None, status=400)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"flavorRef": None}, "flavorRef"),
        ({"flavorRef": "lost"}, "lost"),
        ({"imageRef": "tiny"}, "imageRef"),
        ({"colour": "blue"}, "colour"),
        ({"name": ""}, "name"),
        ({"availability_zone": "nowhere"}, "zone"),
        ({"min_count": 3, "max_count": 2}, "min_count"),
        ({"max_count": 1001}, "1000 servers"),
    ],
)
def test_what_a_create_refuses_is_refused(
    cloud: DryRunCloud, asked: dict[str, Any], word: str
) -> None:
    assert word in cloud.ask(status=400, **asked)["badRequest"]["message"]
    assert cloud.scheduler.asked == []


def test_only_administrators_may_ask(cloud: DryRunCloud) -> None:
    for roles in ("member,reader", "manager", "reader", "service"):
        cloud.ask(status=403, how={"roles": roles})
    assert cloud.scheduler.asked == []


def test_without_a_scheduler_it_is_unavailable(cloud: DryRunCloud) -> None:
    cloud.scheduler.outlook = Late("The scheduler service did not answer in time.")
    told = cloud.ask(status=503)["serviceUnavailable"]
    assert told["message"] == "The scheduler service did not answer in time."


def test_other_methods_are_not_known(cloud: DryRunCloud) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert cloud.request(PATH, method=method, version=NEWEST).status_int in (404, 405)
