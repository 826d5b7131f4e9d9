"""Run by alembic; the database comes from whoever asked for the upgrade."""

from groundwork.migrations import run_env

run_env()
