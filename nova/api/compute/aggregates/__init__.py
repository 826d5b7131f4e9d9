"""Host aggregates: sets of hosts with metadata, of any cell."""
