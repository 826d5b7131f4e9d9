"""From ``compute_driver`` to a driver."""

from __future__ import annotations

import pytest

from groundwork.errors import Invalid
from nova.virt.fake import FakeDriver
from nova.virt.loading import find_driver_class

BAD = {
    "": "module and class",
    "FakeDriver": "module and class",
    "fake.Fake Driver": "module and class",
    "fake.NoDriver": "no class NoDriver",
    "nothing.there.Driver": "no module nothing.there",
    "fake.nothing.Driver": "no module fake.nothing",
    "collections.OrderedDict": "lacks",
    "fake.driver.time": "no class time",
}


@pytest.mark.parametrize(
    "name",
    ["fake.FakeDriver", " fake.FakeDriver ", "nova.virt.fake.FakeDriver", "fake.driver.FakeDriver"],
)
def test_documented_name_and_full_path_are_found(name):
    assert find_driver_class(name) is FakeDriver


@pytest.mark.parametrize("name", BAD)
def test_bad_name_is_one_readable_line(name):
    with pytest.raises(Invalid) as caught:
        find_driver_class(name)
    assert "compute_driver" in str(caught.value)
    assert BAD[name] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_dependency_of_a_driver_is_told_as_such(tmp_path, monkeypatch):
    (tmp_path / "driver_that_needs_more.py").write_text("import no_such_library\nclass D: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Invalid, match="no_such_library is not installed"):
        find_driver_class("driver_that_needs_more.D")
