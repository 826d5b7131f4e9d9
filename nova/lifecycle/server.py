from nova.domain.server import *  # temporary
