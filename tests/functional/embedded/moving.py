"""Cells whose databases are elsewhere or nowhere for a while, while all services run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from nova.cmd.manage.program import run
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for


def manage(cloud: Cloud, *words: str) -> int:
    """``nova-manage`` beside the running services; its exit status."""
    config = cloud.folder / "manage.conf"
    [cell1] = [cell for cell in cloud.cells if cell.name == "cell1"]
    config.write_text(
        f"[api_database]\nconnection = {cloud.database('api').url}\n"
        f"[database]\nconnection = {cell1.database_url}\n"
    )
    return run(["--config-file", str(config), *words])


class Mover:
    """Changes where cells have their databases, with ``nova-manage``, while all services run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._cells = {cell.name: cell for cell in cloud.cells}

    def path(self, name: str) -> Path:
        """The file that the cell had at first."""
        database = sa.make_url(self._cells[name].database_url).database
        assert database is not None
        return Path(database)

    def move(self, name: str, database_url: str) -> None:
        """``nova-manage cell_v2 update_cell``."""
        cell = self._cells[name]
        words = ["cell_v2", "update_cell", "--cell_uuid", cell.uuid]
        words += ["--database_connection", database_url, "--transport-url", cell.transport_url]
        assert manage(self._cloud, *words) == 0

    def move_back(self, name: str) -> None:
        self.move(name, self._cells[name].database_url)


@contextmanager
def moved(cloud: Cloud, urls: Mapping[str, str]) -> Iterator[None]:
    """Cells have their databases elsewhere, or nowhere, and are asked as before when the block has ended."""
    mover = Mover(cloud)
    for name, url in urls.items():
        mover.move(name, url)
    wanted = set(urls.items())
    wait_for("the change", lambda: wanted <= {(c.name, c.database_url) for c in cloud.cells})
    try:
        yield
    finally:
        for name in urls:
            mover.move_back(name)
        wait_for(
            "the cells",
            lambda: not wanted & {(c.name, c.database_url) for c in cloud.cells},
        )
        path = "/os-services?binary=nova-compute"
        wait_for(
            "the hosts",
            lambda: (
                [s["state"] for s in cloud.compute.get(path, token=ADMIN)["services"]].count("up")
                == len(cloud.drivers())
            ),
        )


def nowhere(cloud: Cloud, *names: str) -> dict[str, str]:
    """URLs behind which there is no database."""
    return {name: f"sqlite:///{cloud.folder}/absent/{name}.db" for name in names}
