"""Checks of what other services have to offer, and of how we prove to them who we are."""

from __future__ import annotations

from groundwork.errors import Problem
from groundwork.upgrade_checks import Finding, Result
from nova.clients import cinder
from nova.clients.placement import MICROVERSION
from nova.cmd.manage.deployment import Deployment


def check_placement(deployment: Deployment) -> Finding:
    """Placement must answer, and be of the microversion that this release speaks."""
    try:
        major, minor = deployment.placement().newest_version()
    except Problem as problem:
        details = f" ({problem.internal})" if problem.internal else ""
        return Finding(Result.FAILURE, f"{problem}{details}")
    if (major, minor) < _numbers(MICROVERSION):
        return Finding(
            Result.FAILURE,
            f"Placement API version {MICROVERSION} needed, you have {major}.{minor}: upgrade Placement first.",
        )
    return Finding(Result.SUCCESS)


def check_cinder(deployment: Deployment) -> Finding:
    """Cinder must answer, where there is one, and be of the microversion at which volumes are attached safely."""
    if not cinder.is_configured(deployment.conf):
        return Finding(Result.SUCCESS)
    try:
        major, minor = cinder.load_cinder(deployment.conf).newest_version()
    except Problem as problem:
        details = f" ({problem.internal})" if problem.internal else ""
        return Finding(Result.FAILURE, f"{problem}{details}")
    if (major, minor) < _numbers(cinder.MICROVERSION):
        return Finding(
            Result.FAILURE,
            f"Cinder API version {cinder.MICROVERSION} needed, you have {major}.{minor}: upgrade Cinder first.",
        )
    return Finding(Result.SUCCESS)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def check_service_user(*, sends_token: bool, auth_type: str | None) -> Finding:
    """Without a service token other services take a request of ours for the user's own, and refuse to go on when the
    user's token has expired.
    """
    if sends_token and auth_type:
        return Finding(Result.SUCCESS)
    missing = (
        "has no credentials (auth_type)" if sends_token else "does not set send_service_user_token"
    )
    return Finding(
        Result.FAILURE,
        f"Service user token configuration is required for all services of this release, and group [service_user] "
        f"{missing}.",
    )
