"""Alembic revisions of Placement's database."""

from pathlib import Path

FOLDER = Path(__file__).parent
