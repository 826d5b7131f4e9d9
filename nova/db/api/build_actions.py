"""The journal of servers that have no cell yet: a build request is their one action, ``create``."""

from nova.db.api.models import build_request_events, build_requests
from nova.db.cell.actions import Journal

BUILDS = Journal(build_requests, build_request_events)
