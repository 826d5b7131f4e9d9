"""Run by alembic; the database comes from whoever asked for the upgrade."""

from groundwork.alembic_runs import run_env

run_env()
