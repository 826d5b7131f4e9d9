"""The mapping layer: which cells there are, how to reach one, how to ask many.

Belongs here: the registry of cells, targets (a cell's database and bus), scatter with deadlines, sorted merging of
pages, discovery of hosts. Used above the cells only: nothing that runs inside a cell imports it.
"""
