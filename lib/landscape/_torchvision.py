"""torchvision's datasets, importable also where its compiled operators do not load."""

import types

import torch


def datasets() -> types.ModuleType:
    """Return ``torchvision.datasets``.

    Where a CPU build of torch meets a torchvision built for CUDA, the compiled operators cannot
    load and the import stops at the missing schema of ``torchvision::nms``. Data sets need none of
    them: the two schemas that the import asks for are declared, and only then.
    """
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare_schemas()
        import torchvision.datasets
    return torchvision.datasets


def _declare_schemas() -> None:
    global _library  # The declarations live as long as the library object.
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
