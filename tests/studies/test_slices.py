"""Recorded lines and planes: one is not taken for the other."""

import pytest
from studies.slices import RecordedSlice

from tests import sample_results as sample


def recorded(cut):
    return RecordedSlice(cut, {"made": "by hand"}, {"arm": "a", "seed": 0})


def test_lines_are_no_plane():
    lines, plane = sample.lines(), sample.plane()
    assert recorded(lines).lines is lines and recorded(plane).plane is plane
    with pytest.raises(TypeError, match=r"the record holds no plane here, but Lines"):
        recorded(lines).plane  # noqa: B018
    with pytest.raises(TypeError, match=r"the record holds no lines here, but Plane"):
        recorded(plane).lines  # noqa: B018
    with pytest.raises(TypeError, match=r"the record holds no lines here, but NoneType"):
        recorded(None).lines  # noqa: B018
