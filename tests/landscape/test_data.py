"""Data sets: read, checked, normalised, hashed, held once."""

import socket
import types
import zipfile

import numpy as np
import pytest
import torch
from landscape import _torchvision, data

from tests.sample_networks import write_archive


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def by_hand(images, reference):
    """Normalised images (N, C, H, W) from uint8, by NumPy in float64."""
    if images.ndim == 3:
        images, reference = images[..., None], reference[..., None]
    mean = reference.mean(axis=(0, 1, 2), dtype=np.float64)
    deviation = reference.std(axis=(0, 1, 2), dtype=np.float64)
    return ((images - mean) / deviation).transpose(0, 3, 1, 2)


def assert_normalised(dataset, arrays):
    for split in ("train", "test"):
        inputs, targets = getattr(dataset, split)
        want = torch.from_numpy(by_hand(arrays[f"x_{split}"], arrays["x_train"]))
        # float32 pixels of size about 1: some units in the last place.
        torch.testing.assert_close(inputs.double(), want, rtol=1e-6, atol=1e-6)
        assert inputs.dtype == torch.float32 and inputs.is_contiguous()
        assert targets.dtype == torch.int64 and targets.tolist() == arrays[f"y_{split}"].tolist()


# What is read


@pytest.mark.parametrize(
    ("shape", "classes", "channels_first"),
    [((8, 8), 3, (1, 8, 8)), ((5, 9), 2, (1, 5, 9)), ((6, 7, 3), 10, (3, 6, 7))],
)
def test_archive_of_any_size_and_class_count_is_read_by_name(
    tmp_path, shape, classes, channels_first
):
    arrays = write_archive(tmp_path / "mine.npz", shape=shape, classes=classes)
    dataset = data.load("mine", tmp_path)
    assert (dataset.name, dataset.shape, dataset.classes) == ("mine", channels_first, classes)
    assert_normalised(dataset, arrays)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64])
def test_archive_may_hold_labels_of_any_integer_type(tmp_path, kind):
    labels = (np.arange(20) % 3).astype(kind)
    write_archive(tmp_path / "mine.npz", y_train=labels)
    assert data.load("mine", tmp_path).y_train.tolist() == labels.tolist()


def test_archive_may_hold_other_arrays_as_well(tmp_path):
    write_archive(tmp_path / "mine.npz", names=np.array(["a", "b", "c"]))
    assert data.load("mine", tmp_path).classes == 3


def test_digits_are_embedded_and_split_in_a_fixed_order(tmp_path):
    dataset = data.load("digits", tmp_path / "nowhere")
    assert dataset.shape == (1, 8, 8) and dataset.classes == 10
    assert (len(dataset.y_train), len(dataset.y_test)) == (1437, 360)
    # Pinned: another order would be another data set under the same name.
    assert dataset.y_test[:8].tolist() == [1, 6, 6, 5, 3, 5, 6, 0]
    assert dataset.sha256.startswith("d7d55256b1d4c45a")


def test_digits_hold_every_image_once():
    from sklearn.datasets import load_digits

    dataset = data.load("digits")
    both = torch.cat([dataset.x_train, dataset.x_test]).flatten(1).numpy()
    levels = np.unique(both)  # One for each of the grey values 0 to 16.
    assert len(levels) == 17
    found = sorted(np.searchsorted(levels, both).tolist())
    assert found == sorted(load_digits().data.astype(int).tolist())


def test_normalisation_uses_the_training_images_of_each_channel(tmp_path):
    arrays = write_archive(tmp_path / "mine.npz", shape=(8, 8, 3))
    arrays["x_train"][..., 1] //= 4
    arrays["x_test"][..., 2] //= 2
    np.savez(tmp_path / "mine.npz", **arrays)
    dataset = data.load("mine", tmp_path)
    assert_normalised(dataset, arrays)
    assert dataset.x_train.double().mean(dim=(0, 2, 3)).abs().max() < 1e-6
    assert (dataset.x_train.double().std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-6
    assert dataset.x_test.mean(dim=(0, 2, 3))[2] < -0.5


@pytest.mark.parametrize("limits", [(9, None), (None, 4), (9, 4), (10**6, 10**6)])
def test_limits_keep_the_first_examples_and_normalise_by_them(tmp_path, limits):
    arrays = write_archive(tmp_path / "mine.npz")
    dataset = data.load("mine", tmp_path, max_train=limits[0], max_test=limits[1])
    arrays = {key: array[: limits["test" in key]] for key, array in arrays.items()}
    assert_normalised(dataset, arrays)


def test_limits_keep_the_number_of_classes(tmp_path):
    write_archive(tmp_path / "mine.npz", classes=5)
    assert data.load("mine", tmp_path, max_train=2).classes == 5


@pytest.mark.parametrize("split", ["train", "test"])
def test_first_returns_the_first_examples_of_a_split(split):
    dataset = data.load("digits")
    inputs, targets = dataset.first(5, split=split)
    assert torch.equal(inputs, getattr(dataset, f"x_{split}")[:5])
    assert torch.equal(targets, getattr(dataset, f"y_{split}")[:5])
    assert len(dataset.first(10**6, split=split)[1]) == len(getattr(dataset, f"y_{split}"))


@pytest.mark.parametrize(("count", "split"), [(0, "train"), (-1, "test"), (3, "validation")])
def test_first_refuses_an_empty_or_unknown_choice(count, split):
    with pytest.raises(ValueError, match=rf"first\({count}, split='{split}'\): pass a count >= 1"):
        data.load("digits").first(count, split=split)


# Identity


def test_hash_follows_the_content_and_not_the_name(tmp_path):
    for name in ("one", "two"):
        write_archive(tmp_path / f"{name}.npz")
    write_archive(tmp_path / "three.npz", seed=1)
    one, two, three = (data.load(name, tmp_path) for name in ("one", "two", "three"))
    assert one.sha256 == two.sha256 and one.fingerprint == two.fingerprint
    assert one.sha256 != three.sha256 and one.fingerprint != three.fingerprint


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_hash_sees_one_changed_value(tmp_path, key):
    arrays = write_archive(tmp_path / "one.npz")
    changed = arrays[key].copy()
    changed[4] = (changed[4] + 1) % 3
    write_archive(tmp_path / "two.npz", **{key: changed})
    assert data.load("one", tmp_path).sha256 != data.load("two", tmp_path).sha256


def test_hash_is_of_the_examples_that_are_kept(tmp_path):
    write_archive(tmp_path / "mine.npz")
    hashes = {
        data.load("mine", tmp_path, max_train=train, max_test=test).sha256
        for train, test in ((None, None), (9, None), (None, 4), (9, 4))
    }
    assert len(hashes) == 4


def test_fingerprint_counts_the_classes_from_which_the_examples_were_cut(tmp_path):
    # The same first six examples of 3 and of 5 classes: their networks have other outputs.
    labels = np.arange(20) % 3
    write_archive(tmp_path / "three.npz", y_train=labels)
    write_archive(tmp_path / "five.npz", y_train=np.r_[labels[:18], 3, 4], y_test=np.arange(7) % 3)
    three, five = (data.load(name, tmp_path, max_train=6) for name in ("three", "five"))
    assert (three.classes, five.classes) == (3, 5)
    assert three.fingerprint != five.fingerprint


def test_data_are_kept_in_memory_once(tmp_path):
    write_archive(tmp_path / "mine.npz")
    assert data.load("mine", tmp_path) is data.load("mine", str(tmp_path))
    assert data.load("digits") is data.load("digits", tmp_path)


def test_a_replaced_file_is_read_again(tmp_path):
    write_archive(tmp_path / "mine.npz")
    before = data.load("mine", tmp_path).sha256
    write_archive(tmp_path / "mine.npz", seed=1, counts=(22, 7))
    assert data.load("mine", tmp_path).sha256 != before


# What is refused


def test_a_missing_data_set_is_said_with_its_path_and_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no data set 'mine': .*mine\.npz does not exist"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_an_archive_without_a_key_is_refused(tmp_path, key):
    write_archive(tmp_path / "mine.npz", **{key: None})
    with pytest.raises(ValueError, match=rf"mine\.npz lacks {key}; it holds .*needs the keys"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path, kept):
    path = tmp_path / "mine.npz"
    write_archive(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=r"mine\.npz cannot be read .*truncated.*file again"):
        data.load("mine", tmp_path)


def test_a_file_of_garbage_is_refused(tmp_path):
    (tmp_path / "mine.npz").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(ValueError, match=r"mine\.npz cannot be read"):
        data.load("mine", tmp_path)


def test_an_archive_with_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    write_archive(path)
    content = bytearray(path.read_bytes())
    content[400] ^= 1  # Among the pixels of x_train.
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.npz cannot be read .*CRC"):
        data.load("mine", tmp_path)


def with_member(path, content):
    """Replace the bytes of x_train in an archive whose directory stays right."""
    write_archive(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["x_train.npy"] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


@pytest.mark.parametrize("content", [b"no array", b"\x93NUMPY\x01\x00\x10\x00{'descr': cut", b""])
def test_an_archive_with_something_else_than_an_array_is_refused(tmp_path, content):
    with_member(tmp_path / "mine.npz", content)
    with pytest.raises(ValueError, match=r"mine\.npz"):
        data.load("mine", tmp_path)


def test_an_archive_of_pickled_objects_is_refused_and_named(tmp_path):
    write_archive(tmp_path / "mine.npz", y_train=np.array([0, "one"] * 10, dtype=object))
    with pytest.raises(ValueError, match=r"mine\.npz"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((20, 8, 8), dtype=np.float32),
        np.zeros((20, 64), dtype=np.uint8),
        np.zeros((20, 8, 8, 3, 1), dtype=np.uint8),
        np.zeros((0, 8, 8), dtype=np.uint8),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_images_of_another_type_or_shape_are_refused(tmp_path, images, split):
    write_archive(tmp_path / "mine.npz", **{f"x_{split}": images})
    with pytest.raises(ValueError, match=rf"mine\.npz: x_{split} has dtype .*must be uint8"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize(
    ("shape", "text"),
    [((20, 3, 8, 8), r"channels in axis 1\. .*transpose\(0, 2, 3, 1\)"), ((20, 0, 8), "no pixels")],
)
def test_images_in_another_order_or_without_pixels_are_refused(tmp_path, shape, text):
    write_archive(tmp_path / "mine.npz", x_train=np.zeros(shape, dtype=np.uint8))
    with pytest.raises(ValueError, match=text):
        data.load("mine", tmp_path)


@pytest.mark.parametrize(
    "labels",
    [np.zeros(20), np.zeros(20, dtype=bool), np.zeros(19, dtype=int), np.zeros((20, 1), dtype=int)],
)
def test_labels_of_another_type_or_shape_are_refused(tmp_path, labels):
    write_archive(tmp_path / "mine.npz", y_train=labels)
    with pytest.raises(ValueError, match=r"mine\.npz: y_train has dtype .* for 20 images"):
        data.load("mine", tmp_path)


def test_test_images_of_another_size_are_refused(tmp_path):
    write_archive(tmp_path / "mine.npz", x_test=np.zeros((7, 9, 8), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"mine\.npz: test images are \(9, 8\), training images"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(20) % 3 + 1,  # counted from 1
        np.arange(20) % 3 - 1,
        np.arange(20) % 3 * 2,  # a class without an example
        np.zeros(20, dtype=int),
        np.r_[np.arange(19) % 3, 10**12],  # nothing of this size may be allocated
    ],
)
def test_mislabelled_training_data_are_refused(tmp_path, labels):
    write_archive(tmp_path / "mine.npz", y_train=labels)
    with pytest.raises(ValueError, match=r"mine\.npz: mislabelled.*Renumber the labels from 0"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize("stranger", [3, -1])
def test_a_test_label_that_no_training_image_has_is_refused(tmp_path, stranger):
    write_archive(tmp_path / "mine.npz", y_test=np.r_[np.arange(6) % 3, stranger])
    with pytest.raises(ValueError, match=rf"labels outside them \[{stranger}\]"):
        data.load("mine", tmp_path)


def test_another_data_set_under_a_known_name_is_refused(tmp_path):
    write_archive(tmp_path / "cifar10.npz", shape=(28, 28), classes=10)
    with pytest.raises(ValueError, match=r"\(28, 28\), but images of cifar10 are \(32, 32, 3\)"):
        data.load("cifar10", tmp_path)
    write_archive(tmp_path / "mnist.npz", shape=(28, 28), classes=5)
    with pytest.raises(ValueError, match=r"mnist\.npz: mislabelled.*0\.\.9"):
        data.load("mnist", tmp_path)


def test_a_constant_channel_is_refused(tmp_path):
    write_archive(tmp_path / "mine.npz", x_train=np.full((20, 8, 8), 7, dtype=np.uint8))
    with pytest.raises(ValueError, match=r"mine\.npz: a channel is constant"):
        data.load("mine", tmp_path)


@pytest.mark.parametrize("limits", [{"max_train": 0}, {"max_test": -3}])
def test_limits_that_leave_nothing_are_refused(limits):
    with pytest.raises(ValueError, match=r"leave no example. Pass counts >= 1"):
        data.load("digits", **limits)


def test_a_damaged_file_is_refused_again_at_the_second_try(tmp_path):
    write_archive(tmp_path / "mine.npz", y_train=None)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"lacks y_train"):
            data.load("mine", tmp_path)
    write_archive(tmp_path / "mine.npz")
    assert data.load("mine", tmp_path).classes == 3


# torchvision


class FakeMNIST:
    asked: list = []  # noqa: RUF012

    def __init__(self, *, root, train, download):
        self.asked.append((root, train, download))
        count = 20 if train else 10
        numbers = torch.Generator().manual_seed(count)
        self.data = torch.randint(256, (count, 28, 28), generator=numbers).to(torch.uint8)
        self.targets = torch.arange(count) % 10


@pytest.fixture
def torchvision(monkeypatch):
    monkeypatch.setattr(FakeMNIST, "asked", [])
    fake = types.SimpleNamespace(MNIST=FakeMNIST)
    monkeypatch.setattr(_torchvision, "datasets", lambda: fake)
    return FakeMNIST.asked


def test_a_known_data_set_is_read_by_torchvision_without_downloading(torchvision, tmp_path):
    dataset = data.load("mnist", tmp_path)
    assert torchvision == [(str(tmp_path), True, False), (str(tmp_path), False, False)]
    assert dataset.shape == (1, 28, 28) and dataset.y_test.tolist() == list(range(10))


def test_a_download_happens_when_asked(torchvision, tmp_path):
    data.load("mnist", tmp_path, download=True)
    assert [asked[2] for asked in torchvision] == [True, True]


def test_data_of_torchvision_are_kept_in_memory_once(torchvision, tmp_path):
    assert data.load("mnist", tmp_path) is data.load("mnist", tmp_path)


def test_an_archive_goes_before_torchvision(torchvision, tmp_path):
    write_archive(tmp_path / "mnist.npz", shape=(28, 28), classes=10, counts=(30, 10))
    assert len(data.load("mnist", tmp_path).y_train) == 30 and torchvision == []


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_missing_data_are_not_downloaded_unasked_and_the_remedy_is_said(tmp_path, name):
    remedy = rf"neither .*{name}\.npz nor torchvision's.*data\.load\('{name}', .*download=True\)"
    with pytest.raises(FileNotFoundError, match=remedy):
        data.load(name, tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_torchvisions_datasets_import_beside_any_build_of_torch():
    assert {"MNIST", "FashionMNIST", "CIFAR10"} <= set(dir(_torchvision.datasets()))
