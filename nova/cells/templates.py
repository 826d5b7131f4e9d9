"""URLs of cells with ``{placeholders}``, filled from the URLs of this process's own configuration.

With templates the mappings in the database hold no password, and each process reaches the cells with its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

# {hostname} and {hostname1} are both the first of a list of hosts, {hostname2} the second.
_PLACEHOLDER = re.compile(r"\{(scheme|query|path|(?:username|password|hostname|port)\d*)\}")
# Up to the @ of the host that it is for: colons and commas are let through by those who read such URLs, but a comma
# followed by a user with a password is where the next host begins.
_PASSWORD = re.compile(r":[^@,]*(?:,[^:@,]*)*@")
_PASSWORD_PARAMETER = re.compile(r"(password=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a cell is: its bus and its database."""

    transport_url: str
    database_connection: str

    def filled(self, local: Urls) -> Urls:
        """Both with their placeholders filled from the same URL of this process."""
        return Urls(
            fill(self.transport_url, local.transport_url),
            fill(self.database_connection, local.database_connection),
        )


def fill(url: str, local_url: str) -> str:
    """``url`` with ``{username}``, ``{password}``, ``{hostname}``, ``{port}`` (and ``{hostname1}`` ... where the local
    URL lists several hosts), ``{scheme}``, ``{path}`` and ``{query}`` taken from ``local_url``.

    Values go over as they are written there, percent-encoding included; ``{path}`` comes without its leading slash.
    What the local URL does not have becomes empty; braces around other words are left alone.
    """
    if not _PLACEHOLDER.search(url):
        return url
    values = dict(_values(local_url))
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), url)


def masked(url: str) -> str:
    """The URL as it may be shown: ``****`` for each password."""
    scheme, separator, rest = url.partition("://")
    rest = _PASSWORD_PARAMETER.sub(r"\1****", rest)
    where = re.split("[/?]", rest, maxsplit=1)[0]
    if ":" in where and "@" not in where:
        # Databases let these two through in a password as well.
        where = rest[: rest.rfind("@") + 1]
    return f"{scheme}{separator}{_PASSWORD.sub(':****@', where)}{rest[len(where) :]}"


def _values(local_url: str) -> Iterator[tuple[str, str]]:
    parts = urlsplit(local_url)
    yield "scheme", parts.scheme
    yield "path", parts.path.removeprefix("/")
    yield "query", parts.query
    for number, host in enumerate(parts.netloc.split(","), start=1):
        for name, value in _values_of_host(host):
            yield f"{name}{number}", value
            if number == 1:
                yield name, value


def _values_of_host(host: str) -> Iterator[tuple[str, str]]:
    credentials, _, address = host.rpartition("@")
    username, _, password = credentials.partition(":")
    yield "username", username
    yield "password", password
    # An IPv6 address has colons of its own, inside its brackets.
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", address)
    yield "hostname", found[1] if found else address
    yield "port", (found[2] or "") if found else ""
