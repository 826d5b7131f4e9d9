"""Dry runs of server creates: our addition to the Compute API, for administrators."""
