"""Key pairs: public keys of users, put into servers when these are built."""
