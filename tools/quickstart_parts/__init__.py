"""The parts of ``tools/quickstart``: a whole compute cloud on one machine.

Belongs here: installing, configuring, starting, seeding and stopping the four services. Only the standard
library is imported, because the script runs before anything is installed; the services are reached as
processes and over HTTP, never by import.

``main`` tells the story from top to bottom; ``plan`` holds what was asked for; every other module is one
chapter. Whatever goes wrong is a ``Failure``: one line for the person in front of the screen.
"""
