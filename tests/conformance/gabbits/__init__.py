"""The published gabbi files of the reference Placement, run against our service.

Run them by ``python -m tests.conformance.gabbits``, all or those named.

Only their YAML is read, which is a description of the wire. The data that each file expects to find (its *fixture*)
is made anew through our REST API.
"""
