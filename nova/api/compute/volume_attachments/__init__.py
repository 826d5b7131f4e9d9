"""The volumes of a server."""
