"""How processes of the plane talk to each other: buses, typed messages, servers.

``bus.py``        one message bus (the API level's, or one cell's): call, cast, serve
``server.py``     what answers on a bus: an endpoint with one method per message
``message.py``    declaring a message and taking it to and from plain JSON values
``shape.py``      what a message looks like on the wire, so that a test can watch that it only ever grows
``serializer.py`` the request context on its way
``local.py``      our oslo.messaging driver ``local://`` for one process that is the whole plane; queues in ``vhost.py``

Here belong transport and form, not meaning: which messages exist and what they do is declared by the rooms that send
and answer them. Everybody but ``api``, ``db`` and ``virt`` may import this room; it imports nothing of nova.

A cast is a hint. Anything that must happen is committed to a database first, and found there again when the hint is
lost.
"""

from groundwork import native_threads

# Importing oslo.messaging decides on the threading model of the process, so this has to come first.
native_threads.insist()
