"""Which sets of providers could meet a request.

``request`` says what is asked, ``index`` holds what there is, ``plan`` lays the one over the other, ``search`` goes
through the trees and ``filling`` through the ways to fill one; ``explain`` tells what each demand removed. All of it is
arithmetic over the index and touches no database; ``index/live`` keeps it fresh. Nothing here is ever the reason that
a claim succeeds.
"""
