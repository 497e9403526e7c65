"""Load image classification data: whole, normalised, in a fixed order, hashed by content."""

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
# Image shape and number of classes of known data sets, to detect a file under a wrong name.
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
        name: Name of the data set.
        x_train: Training inputs (N, C, H, W), float32; each channel is normalised by the mean and
            standard deviation of the training images.
        y_train: Training class indices (N,), int64.
        x_test: Test inputs (M, C, H, W), normalised by the same mean and standard deviation.
        y_test: Test class indices (M,), int64.
        classes: Number of classes.
        sha256: Hash of the raw images and labels of these examples.
        full_scale: Raw value of full intensity.
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
        """Hash of the content without the name: copies under two names have one fingerprint."""
        return fingerprints.fingerprint((self.sha256, self.classes, self.full_scale))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an input."""
        return tuple(self.x_train.shape[1:])  # type: ignore[return-value]  # inputs have four axes

    @property
    def train(self) -> Examples:
        """Training inputs (N, C, H, W) and targets (N,)."""
        return self.x_train, self.y_train

    @property
    def test(self) -> Examples:
        """Test inputs (M, C, H, W) and targets (M,)."""
        return self.x_test, self.y_test

    def first(self, count: int, *, split: str = "train") -> Examples:
        """Return the first examples of a split, or all where there are fewer.

        Args:
            count: Number of examples, at least 1.
            split: ``train`` or ``test``.

        Returns:
            Inputs (k, C, H, W) and targets (k,), with k at most ``count``.

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

    ``digits`` comes with scikit-learn (1,797 images of 8 x 8; after a fixed permutation every fifth
    is a test image). Any other name is read from the archive ``<data_dir>/<name>.npz`` where this
    file exists. Its keys are x_train, y_train, x_test and y_test; images are uint8 of shape
    (N, H, W) or (N, H, W, C), labels of an integer type. Where it does not exist, torchvision reads
    ``mnist``, ``fashion_mnist`` and ``cifar10``.

    Args:
        name: Name of the data set.
        data_dir: Folder of the archives and of torchvision's files.
        max_train: Number of training examples to keep, from the first on; None keeps all.
        max_test: Number of test examples to keep, from the first on; None keeps all.
        download: Whether torchvision may download missing files; by default nothing is downloaded.

    Returns:
        The data set; its mean and standard deviation are those of the training images kept.

    Raises:
        FileNotFoundError: If there is no such data; the text says what to do.
        ModuleNotFoundError: If scikit-learn or torchvision is needed and not installed.
        ValueError: If a limit is below 1, or if a file is truncated, mislabelled, of the wrong type
            or of another data set.

    Example:
        >>> from landscape import data
        >>> digits = data.load("digits")
        >>> digits.shape, digits.classes, len(digits.y_train), len(digits.y_test)
        ((1, 8, 8), 10, 1437, 360)
        >>> inputs, targets = digits.first(100)
        >>> inputs.shape
        torch.Size([100, 1, 8, 8])
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
    """An archive lacks a key."""


class _Raw:
    """Raw arrays hashed by identity, so that a cached data set is found without reading pixels."""

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
    # In place: the arrays of CIFAR-10 as floats fill 740 MB, and a copy as much again.
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
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"digits come with scikit-learn, which is not installed ({error}). Run: pip install "
            "scikit-learn. Data of your own need no package: pass a pair of tensors."
        ) from error
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.uint8)
    # The images are ordered by writer: unpermuted, the first training examples and the first test
    # examples, which ``max_train`` and ``max_test`` keep, would come from few writers.
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

    dataset_class = getattr(_torchvision.datasets(), _TORCHVISION[name])
    try:
        splits = [
            dataset_class(root=str(data_dir), train=train, download=download)
            for train in (True, False)
        ]
    except RuntimeError as error:
        raise FileNotFoundError(
            f"no data for {name!r}: neither {data_dir / f'{name}.npz'} nor torchvision's files are "
            f"there ({error}). Set the data directory (DATA_DIR), put the archive there, or call "
            f"data.load({name!r}, {str(data_dir)!r}, download=True)."
        ) from error
    arrays = {}
    for name_of_split, split in zip(("train", "test"), splits, strict=True):
        arrays[f"x_{name_of_split}"] = np.asarray(split.data)
        arrays[f"y_{name_of_split}"] = np.asarray(split.targets)
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
        if images.ndim == 4 and images.shape[3] > 4 and images.shape[1] <= 4:
            raise ValueError(
                f"{source}: x_{split} of shape {images.shape} seems to have its channels in axis 1."
                " Images must be (N, H, W, C): pass x.transpose(0, 2, 3, 1)."
            )
        if 0 in images.shape:
            raise ValueError(f"{source}: x_{split} of shape {images.shape} has no pixels.")
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
                f"{source}: images are {images.shape[1:]}, but images of {name} are {shape}. "
                "The file holds another data set: replace or rename it."
            )
    present = np.unique(arrays["y_train"])
    # At most one more than the distinct labels: a stray label of 10^12 must not fill the memory.
    count = classes or min(max(int(present.max()) + 1, 2), len(present) + 1)
    allowed = np.arange(count)
    unknown = np.setdiff1d(arrays["y_test"], allowed)
    if not np.array_equal(present, allowed) or unknown.size:
        raise ValueError(
            f"{source}: mislabelled. Training labels are {present.tolist()[:12]}, test labels "
            f"outside them {unknown.tolist()[:12]}. All of 0..{len(allowed) - 1} and no other "
            "labels are allowed. Renumber the labels from 0, or replace the file."
        )
