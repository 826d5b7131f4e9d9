"""What a guest can ask about itself over HTTP at 169.254.169.254.

Belongs here: who is asking (the network service's proxy vouches for it), finding that server, and its description as
EC2's tree and as OpenStack's documents. Reads only, apart from the password that a guest may post once. Its own WSGI
application: no microversions, no tokens, no policy.
"""
