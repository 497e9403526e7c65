"""Training that is interrupted, for tests of what resumes."""

import pytest
from landscape import training


class Interrupted(BaseException):
    """Like KeyboardInterrupt: nothing in the library may catch it."""


def interrupted_at_every_epoch(config, dataset, store):
    """Train up to the end of each epoch anew; what is left is the checkpoint of the last."""
    real = training.loop.Progress.step

    def step(self, *arguments, **options):
        real(self, *arguments, **options)
        raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.loop, "_CHECKPOINT_SECONDS", 0.0)
        patch.setattr(training.loop.Progress, "step", step)
        for _ in range(config.epochs + 1):
            with pytest.raises(Interrupted):
                training.train(config, dataset, store)
