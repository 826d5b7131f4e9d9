"""What a project or user may have: the limits, and the ledger against which new servers are checked.

Counting, not reserving: usage is one sum over the instance mappings in the API database. Cells never write it.
"""
