"""How a server lies in the NUMA nodes of its host."""
