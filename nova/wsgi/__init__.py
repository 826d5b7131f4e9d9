"""WSGI entry points, for uWSGI, Apache and any other server. Options come from files and the environment only."""
