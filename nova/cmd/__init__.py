"""The programs: here, and in ``wsgi``, objects are made and introduced to each other; nothing is decided.

One module per program with a ``main()``; ``manage/`` has one module per category of ``nova-manage``. May import
everything, and nothing imports it.
"""
