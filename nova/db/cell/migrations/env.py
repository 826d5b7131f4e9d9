from groundwork.migrations import run_env

run_env()
