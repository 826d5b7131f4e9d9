"""The files of a create body, within the limits of their project."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

from groundwork.errors import Invalid, OverQuota
from nova.domain.injected_file import InjectedFile
from nova.quota.limits import FileLimits
from nova.quota.tally import UNLIMITED


def read_files(personality: Iterable[Mapping[str, str]]) -> tuple[InjectedFile, ...]:
    """The files as the guest gets them. :raises Invalid: contents are no base64."""
    return tuple(
        InjectedFile(each.get("path", ""), _decoded(each.get("contents", "")))
        for each in personality
    )


def _decoded(contents: str) -> bytes:
    try:
        return base64.b64decode(contents)
    except (binascii.Error, ValueError) as exc:
        raise Invalid("Personality content cannot be decoded from base64.") from exc


def check_files(files: tuple[InjectedFile, ...], limits: FileLimits) -> None:
    """:raises OverQuota: there are too many, or one has too long a path or too much in it."""
    longest = max((len(each.path.encode()) for each in files), default=0)
    largest = max((len(each.contents) for each in files), default=0)
    for what, found, limit in (
        ("file limit", len(files), limits.files),
        ("file path", longest, limits.path_bytes),
        ("file content", largest, limits.content_bytes),
    ):
        if limit != UNLIMITED and found > limit:
            raise OverQuota(f"Personality {what} exceeded: {found}, at most {limit} are allowed.")
