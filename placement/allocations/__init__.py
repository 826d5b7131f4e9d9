"""Who holds what: claims, consumers and usages.

Belongs here: the rules under which a consumer may take a share of a provider, and the transaction that enforces
them. Does not belong here: HTTP, SQL, and the search for providers that could be taken (``candidates``).
"""
