"""Neighbours over REST: thin modules of one subject each, on keystoneauth.

What belongs here: requests, answers as typed values, and the translation of refusals into
``groundwork.errors``. What does not: deciding. ``session.py`` is the one place where requests are
sent, timed and repeated. ``lifecycle`` does not import this room except through what it is handed;
``scheduler``, ``conductor``, ``compute`` and ``cmd`` do.
"""
