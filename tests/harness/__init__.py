"""A whole plane in one thread, whose every step can be made to fail, to run twice, or to kill its worker."""
