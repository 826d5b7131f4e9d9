"""What can be done to a server: its states, and one file per operation.

Belongs here: the domain values (server, flavor, request spec), the state table, and for each operation who may ask,
which states permit it, its steps, where each runs and what undoes it. Knows no WebOb and no SQL of its own.
"""
