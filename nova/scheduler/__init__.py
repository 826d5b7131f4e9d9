"""Where servers go: candidates from Placement, filters, weighers, claims, alternates.

``messages.py``   what is asked and answered over the bus
``demand.py``     a request as a question to Placement
``host_view.py``  what filters and weighers see of a host; ``hosts.py`` keeps it fresh, ``host_rows.py`` reads it
``server_places.py`` where the servers are that hints name
``prefilters/``   which hosts are worth asking Placement for
``filters/``      can this host do it; ``weights/`` how well; ``plugins.py`` finds both by their class paths
``decision.py``   the decision, a pure function of request, candidates, hosts, time and seed
``claims.py``     what the decision takes in Placement, and giving it back
``selection.py``  all of it in order; ``explanation.py`` tells why nothing was found
``service.py``    the door on the bus

Writes to no database: what it decides is a claim in Placement and an answer. Only the conductor and ``cmd`` import it.
"""
