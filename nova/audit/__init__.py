"""The audit: does what the databases and Placement say of each other still fit together?

One file per invariant. Each has pure functions that judge rows, and a ``look`` that reads those rows through the
:class:`~nova.audit.view.View` in short transactions, some hundred at a time, so that nothing is locked and little is
held in memory. ``auditor.py`` looks twice, because a thing that is merely in motion is none of ours; ``repairs.py``
heals what was found both times, by the means that the plane has anyway.

Belongs here: judging and healing across the levels. Runs above the cells only; knows no SQL, which is in
``nova/db/*/census.py``, and no HTTP.
"""
