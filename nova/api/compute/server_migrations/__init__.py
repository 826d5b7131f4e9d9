"""Live migrations of a server that are in progress."""
