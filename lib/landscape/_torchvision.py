"""Import of torchvision's data sets that works where its compiled operators do not load."""

import types

import torch


def datasets() -> types.ModuleType:
    """Return the module ``torchvision.datasets``.

    A torchvision built for CUDA cannot load its compiled operators beside a CPU build of torch: the
    import then fails because ``torchvision::nms`` has no schema. Data sets use no such operator.
    So after this failure, and only then, the two missing schemas are declared and the import is
    repeated.

    Raises:
        ModuleNotFoundError: If torchvision is not installed; the text says how to install the one
            that fits.
        RuntimeError: If the import fails for any other reason.
    """
    try:
        import torchvision.datasets
    except ModuleNotFoundError as error:
        # One torchvision fits one torch: without a version, pip may replace the torch that is here.
        fitting = f"torchvision torch=={torch.__version__.partition('+')[0]}"
        raise ModuleNotFoundError(
            f"torchvision reads this data set, and is not installed ({error}). Run: pip install "
            f"{fitting}. Or put an archive <name>.npz into the data directory: it needs no package."
        ) from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare_schemas()
        import torchvision.datasets
    return torchvision.datasets


def _declare_schemas() -> None:
    global _library  # torch drops the declarations when this object is garbage-collected.
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[name-defined]  # bound here alone
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[name-defined]  # bound above
