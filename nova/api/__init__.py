"""The tenant's door: what arrives over HTTP, and what goes back.

Belongs here: the wire format (versions, headers, error bodies, links, pages), authentication of requests, and per
resource the schemas, views and short methods that call ``lifecycle`` (changes) or ``db``/``cells`` (reads). Does not
belong here: rules of what a server may do, SQL, messages. Imported by ``wsgi`` and ``cmd`` only.
"""
