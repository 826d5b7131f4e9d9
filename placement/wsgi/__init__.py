"""WSGI entry points for servers that import a module: ``placement.wsgi.api:application``."""
