from groundwork.alembic_runs import run_env

run_env()
