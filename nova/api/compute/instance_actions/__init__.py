"""The operations on a server, as its journal tells them."""
