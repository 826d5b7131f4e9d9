"""Entry points: where options are read and objects meet."""
