"""Recorded lines and planes: one is not taken for the other."""

import pytest

from tests import sample_results
from tests.sample_solutions import slices_of


def recorded(cut):
    (item,) = slices_of({("a", 0): cut}).recorded.values()
    return item


def test_lines_are_no_plane():
    lines, plane = sample_results.lines(), sample_results.plane()
    assert recorded(lines).lines is lines and recorded(plane).plane is plane
    with pytest.raises(TypeError, match=r"the record holds no plane here, but Lines"):
        recorded(lines).plane  # noqa: B018
    with pytest.raises(TypeError, match=r"the record holds no lines here, but Plane"):
        recorded(plane).lines  # noqa: B018
    with pytest.raises(TypeError, match=r"the record holds no lines here, but NoneType"):
        recorded("diverged").lines  # noqa: B018
