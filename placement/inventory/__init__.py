"""Providers and what they have: trees, inventories, traits, aggregates, resource classes.

Belongs here: what may be changed and under which generation. Does not belong here: HTTP, SQL, and who holds what
(``allocations``). ``api`` imports this room; ``allocations`` may, for the reshaper.
"""
