"""The engine that journals, places, resumes and undoes the steps of an operation.

An operation is an ordered list of steps, declared in one file of ``lifecycle/``. The engine knows nothing of servers
beyond their row: it records in the journal (the instance action and its events) which step is next, who is at work on
it, what came out. Everything can be resumed or undone from committed rows alone; messages only say where to look.
"""
