"""Conductors: who runs the steps that need a database, and who finds what nobody works on.

The super-conductor works above the cells (API database, every cell). A cell's conductor works inside one cell, knows
nothing above it, and is the database door of the cell's computes.
"""
