"""The API database: what is global (cells, flavors, key pairs, limits) and servers that have no cell yet."""
