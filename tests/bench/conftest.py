"""What tests of the benches share."""

import pytest

from bench import timing


@pytest.fixture(autouse=True, scope="package")
def _keep_garbage():
    """Collecting garbage before each time takes longer than what these tests time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing.gc, "collect", lambda: 0)
        yield
