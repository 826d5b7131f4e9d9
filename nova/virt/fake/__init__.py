"""A hypervisor made of files: real enough to lose power, keep its guests and refuse to work when
told so.
"""

from nova.virt.fake.driver import FakeDriver

__all__ = ["FakeDriver"]
