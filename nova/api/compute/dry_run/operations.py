"""``/os-scheduler-dry-run``."""

from __future__ import annotations

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from nova.api.compute.dry_run import schemas
from nova.api.compute.dry_run.views import show
from nova.api.compute.servers.create_request import CreateRequests
from nova.lifecycle.dry_run import DryRuns

# Servers of one dry run. More: the answer, with a host for each, gets long, and the scheduler is kept from others.
_MOST_SERVERS = 1000


class DryRunOperations:
    """The resource; it keeps nothing."""

    def __init__(self, *, requests: CreateRequests, dry_runs: DryRuns) -> None:
        self._requests = requests
        self._dry_runs = dry_runs

    @operation(
        "POST",
        "/os-scheduler-dry-run",
        versions="2.1-",
        policy="os_compute_api:os-scheduler-dry-run:create",
        soft_policies=(
            "os_compute_api:servers:create:forced_host",
            "compute:servers:create:requested_destination",
            "os_compute_api:servers:create:attach_network",
            "os_compute_api:servers:create:trusted_certs",
            "os_compute_api:servers:create:zero_disk_flavor",
        ),
        body=schemas.REHEARSE,
        response=schemas.ANSWER,
        success=200,
        errors=(400, 403, 409, 503),
    )
    def create(self, call: Call) -> Answer:
        """Tell where servers would go if they were created now, or why nowhere and which single change would help.

        The body is that of ``POST /servers``, its name may be left out. Nothing is claimed or written, and the quota
        is not looked at. No part of the Compute API that other implementations serve.
        """
        request = self._requests.read(call)
        if request.max_count > _MOST_SERVERS:
            raise Invalid(f"A dry run takes at most {_MOST_SERVERS} servers.")
        return Answer(show(self._dry_runs.ask(call.context, request)))
