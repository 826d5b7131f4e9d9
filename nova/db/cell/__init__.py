"""A cell's database: servers, the operations on them, and the hosts that run them. cell0 has the same tables."""
