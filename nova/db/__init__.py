"""Databases: the API's (one) and the cells' (one each).

Belongs here: tables, migrations, queries. Query functions take the open transaction first and return frozen values;
no row object leaves. Knows no HTTP, no RPC, no saga.
"""
