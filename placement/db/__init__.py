"""Placement's database: tables, migrations and queries.

Belongs here: all SQL. Does not belong here: HTTP, and decisions about what a request may do. Query functions take the
open transaction first and return the values of ``placement.records``.
"""
