"""Ready figures: levels that suit the planes, and sentences where nothing can be shown."""

import pytest
from landscape.plots import levels
from studies.display import Figure, Missing
from studies.figures import ready

from tests.sample_surfaces import plane

WORDS = {"label": "fig-planes", "caption": "See.", "alt": "A bowl."}


@pytest.mark.slow
def test_planes_share_levels_that_suit_them_unless_some_are_given():
    named = {"one": plane(), "none": None}
    free = ready.planes(named, **WORDS)
    assert isinstance(free, Figure)
    given = ready.planes(named, levels=levels([plane()]), **WORDS)
    assert free.svg() == given.svg()
    other = ready.planes(named, levels=[0.1, 0.2, 0.4], **WORDS)
    assert other.svg() != free.svg()


def test_planes_that_the_record_lacks_are_a_sentence():
    shown = ready.planes({"one": None}, **WORDS)
    assert isinstance(shown, Missing) and shown.label == "fig-planes"
