"""Hypervisors: the driver interface and the drivers.

Here belongs what it takes to make guests exist on a node and to say what is there. No database, no
RPC, no REST client of a neighbour: a driver gets everything about a guest in its ``GuestSpec`` and
edits a ``ProviderTree`` that somebody else carries to Placement. Only ``compute`` and ``cmd`` may
import this room; no driver imports another one.
"""
