"""Queries, one file per table family. All take the open transaction first; none of them commits."""
