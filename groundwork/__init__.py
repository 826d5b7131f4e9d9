"""What both services stand on: declared operations, errors, databases, start-up.

Belongs here: machinery that Compute and Placement share and that decides something on its own (how an operation
is declared and dispatched, how a transaction begins and retries, how a bad option is told). Does not belong here:
anything that knows a server, a provider or one service's wire format. Imports neither ``nova`` nor ``placement``;
both may import it.
"""
