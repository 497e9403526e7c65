"""Image classification data: loaded whole, normalised, in a fixed order, hashed by content."""

import dataclasses
import functools
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from landscape import rng
from landscape.store import fingerprint as fingerprints

Examples = tuple[torch.Tensor, torch.Tensor]

_KEYS = ("x_train", "y_train", "x_test", "y_test")
# Image shape and number of classes of the known data sets, to catch a file under a wrong name.
_KNOWN = {
    "mnist": ((28, 28), 10),
    "fashion_mnist": ((28, 28), 10),
    "cifar10": ((32, 32, 3), 10),
}
_TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Attributes:
        name: Its name.
        x_train: Inputs (N, C, H, W), float32, normalised a channel by the training images' mean and
            standard deviation.
        y_train: Class indices (N,), int64.
        x_test: Test inputs, normalised with the training images' numbers.
        y_test: Test class indices.
        classes: Number of classes.
        sha256: Hash of the raw images and labels that are held here.
        full_scale: Raw value that stands for full intensity.
    """

    name: str
    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    classes: int
    sha256: str
    full_scale: float = 255.0

    @property
    def fingerprint(self) -> fingerprints.Fingerprint:
        """Hash of the content: two copies of the same data under other names are the same data."""
        return fingerprints.fingerprint((self.sha256, self.classes, self.full_scale))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an input."""
        return tuple(self.x_train.shape[1:])

    @property
    def train(self) -> Examples:
        """Training inputs and targets."""
        return self.x_train, self.y_train

    @property
    def test(self) -> Examples:
        """Test inputs and targets."""
        return self.x_test, self.y_test

    def first(self, count: int, *, split: str = "train") -> Examples:
        """Return the first ``count`` examples of a split, or all where there are fewer.

        Raises:
            ValueError: If ``count < 1`` or the split is not ``train`` or ``test``.
        """
        if count < 1 or split not in ("train", "test"):
            raise ValueError(
                f"first({count}, split={split!r}): pass a count >= 1 and split='train' or 'test'."
            )
        inputs, targets = self.train if split == "train" else self.test
        return inputs[:count], targets[:count]


def load(
    name: str,
    data_dir: str | Path = "data",
    *,
    max_train: int | None = None,
    max_test: int | None = None,
    download: bool = False,
) -> Dataset:
    """Load a data set by name.

    ``digits`` comes with scikit-learn (1,797 images of 8 x 8; every fifth is a test image, after a
    fixed permutation). Any other name is read from ``<data_dir>/<name>.npz`` where that file
    exists: keys x_train, y_train, x_test, y_test; images uint8 of shape (N, H, W) or (N, H, W, C),
    labels of an integer type. ``mnist``, ``fashion_mnist`` and ``cifar10`` are otherwise read by
    torchvision.

    Args:
        name: The data set.
        data_dir: Folder of the archives and of torchvision's files.
        max_train: Keep the first so many training examples; None keeps all.
        max_test: Likewise for test examples.
        download: Let torchvision download what is missing; never done unasked.

    Raises:
        FileNotFoundError: If there is no such data, with what to do.
        ValueError: If a file is truncated, mislabelled, of the wrong type or of the wrong data set.
    """
    if any(limit is not None and limit < 1 for limit in (max_train, max_test)):
        raise ValueError(
            f"max_train={max_train}, max_test={max_test} leave no example. "
            "Pass counts >= 1, or None for all."
        )
    path = Path(data_dir) / f"{name}.npz"
    if name == "digits":
        raw, source = _digits(), "scikit-learn's digits"
    elif path.is_file():
        stat = path.stat()
        raw, source = _archive(path, stat.st_mtime_ns, stat.st_size), str(path)
    elif name in _TORCHVISION:
        raw, source = _torchvision(name, Path(data_dir), download), f"torchvision's {name}"
    else:
        raise FileNotFoundError(
            f"no data set {name!r}: {path} does not exist. Put an archive with the keys "
            f"{', '.join(_KEYS)} there, or use one of digits, {', '.join(_TORCHVISION)}."
        )
    _check(name, raw, source)
    return _dataset(name, source, max_train, max_test, _Raw(raw))


class _Lacking(Exception):
    """An archive without a key."""


class _Raw:
    """Raw arrays that hash by identity, so that normalised tensors are made once and shared."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays

    def __hash__(self) -> int:
        return id(self.arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Raw) and other.arrays is self.arrays


@functools.lru_cache(maxsize=4)
def _dataset(
    name: str, source: str, max_train: int | None, max_test: int | None, raw: _Raw
) -> Dataset:
    arrays = {
        key: array[: max_train if "train" in key else max_test] for key, array in raw.arrays.items()
    }
    scale = 16.0 if name == "digits" else 255.0
    images = {
        key: torch.from_numpy(np.ascontiguousarray(_channels_first(arrays[key])))
        .float()
        .div_(scale)
        for key in ("x_train", "x_test")
    }
    # Mean and deviation in float64: a float32 sum over 47 million pixels loses digits.
    pixels = images["x_train"].double()
    mean = pixels.mean(dim=(0, 2, 3), keepdim=True)
    deviation = pixels.std(dim=(0, 2, 3), keepdim=True, correction=0)
    if float(deviation.min()) == 0:
        raise ValueError(
            f"{source}: a channel is constant over all training images. Check the data."
        )
    normalised = {
        key: image.sub_(mean.float()).div_(deviation.float()) for key, image in images.items()
    }
    labels = {key: torch.from_numpy(arrays[key].astype(np.int64)) for key in ("y_train", "y_test")}
    return Dataset(
        name=name,
        classes=int(raw.arrays["y_train"].max()) + 1,
        sha256=fingerprints.digest({key: arrays[key] for key in _KEYS}),
        full_scale=scale,
        **normalised,
        **labels,
    )


def _channels_first(images: np.ndarray) -> np.ndarray:
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


@functools.cache
def _digits() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.uint8)
    # The images come a writer at a time: without a permutation the test set would be other writers.
    order = torch.randperm(len(labels), generator=rng.stream(0, "digits split")).numpy()
    test, train = order[::5], np.delete(order, np.s_[::5])
    return {
        "x_train": images[train],
        "y_train": labels[train],
        "x_test": images[test],
        "y_test": labels[test],
    }


@functools.lru_cache(maxsize=4)
def _archive(path: Path, _modified: int, _size: int) -> dict[str, np.ndarray]:
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("no zip directory at its end")
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in _KEYS if key not in archive]
            if missing:
                raise _Lacking(
                    f"{path} lacks {', '.join(missing)}; it holds {', '.join(archive.files)}. "
                    f"An archive needs the keys {', '.join(_KEYS)}."
                )
            arrays = {key: archive[key] for key in _KEYS}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise EOFError("a member is no array")
            return arrays
    except _Lacking as error:
        raise ValueError(str(error)) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}): it is truncated or no .npz archive. "
            "Copy or download the file again."
        ) from error


@functools.lru_cache(maxsize=4)
def _torchvision(name: str, data_dir: Path, download: bool) -> dict[str, np.ndarray]:
    from landscape import _torchvision

    kind = getattr(_torchvision.datasets(), _TORCHVISION[name])
    try:
        parts = [
            kind(root=str(data_dir), train=train, download=download) for train in (True, False)
        ]
    except RuntimeError as error:
        raise FileNotFoundError(
            f"no data for {name!r}: neither {data_dir / f'{name}.npz'} nor torchvision's files are "
            f"there ({error}). Set the data directory (DATA_DIR), put the archive there, or call "
            f"data.load({name!r}, {str(data_dir)!r}, download=True)."
        ) from error
    arrays = {}
    for split, part in zip(("train", "test"), parts, strict=True):
        arrays[f"x_{split}"] = np.asarray(part.data)
        arrays[f"y_{split}"] = np.asarray(part.targets)
    return arrays


def _check(name: str, arrays: dict[str, np.ndarray], source: str) -> None:
    shape, classes = _KNOWN.get(name, (None, None))
    for split in ("train", "test"):
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or len(images) == 0:
            raise ValueError(
                f"{source}: x_{split} has dtype {images.dtype} and shape {images.shape}. "
                "Images must be uint8 of shape (N, H, W) or (N, H, W, C), N >= 1."
            )
        if not np.issubdtype(labels.dtype, np.integer) or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{source}: y_{split} has dtype {labels.dtype} and shape {labels.shape} for "
                f"{len(images)} images. Labels must be integers of shape ({len(images)},)."
            )
        if images.shape[1:] != arrays["x_train"].shape[1:]:
            raise ValueError(
                f"{source}: test images are {images.shape[1:]}, training images "
                f"{arrays['x_train'].shape[1:]}. Both must have one size."
            )
        if shape is not None and images.shape[1:] != shape:
            raise ValueError(
                f"{source}: images are {images.shape[1:]}, those of {name} are {shape}. "
                "The file holds another data set: replace or rename it."
            )
    present = np.unique(arrays["y_train"])
    # No more than there are labels: one of 10^12 must not ask for as much memory.
    count = classes or min(max(int(present.max()) + 1, 2), len(present) + 1)
    wanted = np.arange(count)
    strangers = np.setdiff1d(arrays["y_test"], wanted)
    if not np.array_equal(present, wanted) or strangers.size:
        raise ValueError(
            f"{source}: mislabelled. Training labels are {present.tolist()[:12]}, test labels "
            f"outside them {strangers.tolist()[:12]}; all of 0..{len(wanted) - 1} and no other are "
            "allowed. "
            "Renumber the labels from 0, or replace the file."
        )
