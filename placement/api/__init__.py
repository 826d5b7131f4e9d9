"""The wire: versions, headers, schemas, views, error bodies, and the WSGI application.

Belongs here: everything that HTTP clients see, and nothing that decides about providers or claims. Knows no SQL.
"""
