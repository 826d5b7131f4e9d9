"""Which sets of providers could meet a request.

``request`` says what is asked, ``snapshot`` what there is, ``search`` finds, ``api`` shows. The search is arithmetic
over the snapshot and touches no database; nothing here is ever the reason that a claim succeeds, so an old snapshot
costs a refused claim at worst.
"""
