"""All providers in arrays, kept as fresh as the database by the change feed.

``facts`` is one provider as loaded, ``columns`` and ``bits`` hold many of them for arithmetic, ``trees`` says who
stands under whom, ``index`` puts these together, ``feed`` and ``live`` keep it fresh. Nothing here answers a request.
"""
