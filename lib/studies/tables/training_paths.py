"""Words on training paths, for captions: what the plane shows, and how curvature went."""

from collections.abc import Callable

from studies.collection import Results
from studies.formatting import list_text, number_text
from studies.training_paths import TrainingPath, random_walk_share

_UNKNOWN = "an unknown amount"


def plane_share(paths: Results[TrainingPath]) -> str:
    """Return a sentence on how much of training the plane of its principal directions shows.

    It names the share of a long random walk beside that, because a large share alone says nothing.

    Args:
        paths: (arm, seed) -> path.
    """
    walk = random_walk_share()
    shares = _each(paths, lambda path: f"{100 * path.on_plane:.1f}%")
    above = [path.on_plane > walk for path in paths.values()]
    word = "more than" if all(above) else "no more than" if not any(above) else "compared with"
    return (
        f"The plane shows {shares} of the squared distance to the last network, {word} the "
        f"{100 * walk:.1f}% of a long random walk [@antognini2018]"
    )


def plane_gap(paths: Results[TrainingPath]) -> str:
    """Return a sentence on how far the loss on the plane is from the loss of the networks.

    Args:
        paths: (arm, seed) -> path.
    """
    text = f"The loss on the plane differs from the loss at the network by up to {_gaps(paths)}"
    largest = [(_largest_gap(path), path.gaps) for path in paths.values()]
    if largest and all(place == 0 and float(gaps[0]) < 0 for place, gaps in largest):
        text += ": the plane does not show how high the loss begins"
    return text


def curvature_course(paths: Results[TrainingPath]) -> str:
    """Return a sentence on where λ_max started, peaked and ended.

    Args:
        paths: (arm, seed) -> path.
    """
    return f"Over training λ_max {_each(paths, _course)}"


def _each(paths: Results[TrainingPath], text: Callable[[TrainingPath], str]) -> str:
    """Return the text of each path behind its arm, as a list in a sentence."""
    parts = [f"{text(path)} ({arm})" for (arm, _), path in paths.items()]
    return list_text(parts or [_UNKNOWN])


def _gaps(paths: Results[TrainingPath]) -> str:
    def text(path: TrainingPath) -> str:
        place = _largest_gap(path)
        size = number_text(abs(float(path.gaps[place])))
        return f"{size} nats at epoch {path.epochs[place]:.2g}"

    return _each(paths, text)


def _largest_gap(path: TrainingPath) -> int:
    return int(path.gaps.abs().argmax())


def _course(path: TrainingPath) -> str:
    if not path.lambda_max:
        return "takes an unknown course"
    values = list(path.lambda_max.values())
    (first, *_, last), peak = values, max(values)
    verb = "rises" if last > first else "falls"
    between = "" if peak in (first, last) else f" over a peak of {number_text(peak)}"
    return f"{verb} from {number_text(first)}{between} to {number_text(last)} nats per parameter²"
