"""Turns a detector into one ONNX file that takes 8-bit photos and answers calibrated."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import onnx
import torch
from torch import Tensor, nn

from falseflaw.errors import FalseFlawError
from falseflaw.models.halving import store_halved
from falseflaw.runtime.padding import STRIDE
from falseflaw.runtime.predictor import DISTANCE, INPUTS, OUTPUTS
from falseflaw.statistics.familiarity import Familiarity

FEATURES: Final = "features"
"""An output that no bundle has: what the image head sees, to fit familiarity on."""

Further = Familiarity | Literal["features"] | None
"""What a graph tells besides: the distance from what was measured, the features themselves, or neither."""


class ExportError(FalseFlawError):
    """A detector cannot be exported."""


class ExportedDetector(nn.Module):
    """What the ONNX graph computes: a detector with calibration and postprocessing around it."""

    mean: Tensor
    scale: Tensor
    directions: Tensor
    variances: Tensor

    def __init__(
        self,
        detector: nn.Module,
        temperature: float,
        further: Further = None,
    ) -> None:
        """Wraps a detector.

        Args:
            detector: Takes image and valid, gives logit (B,) and mask logit (B, 1, H, W).
            temperature: Positive divisor of the logit (Guo et al. 2017).
            further: Tells how far the detector's features are from those measured, or stands for them.
        """
        super().__init__()
        self.detector = detector
        self.temperature = temperature
        self.further = further
        if isinstance(further, Familiarity):
            for name in ("mean", "scale", "directions", "variances"):
                self.register_buffer(name, torch.from_numpy(getattr(further, name).copy()))

    def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, ...]:
        """Judges a batch of photos of one size.

        Args:
            image: uint8 (B, 3, H, W), H and W multiples of the detector's `stride_multiple`.
            valid: uint8 (B, 1, H, W), 1 inside the photo and 0 in its padding.

        Returns:
            Calibrated probability (B,), heat map (B, 1, H, W) in 0..1, uncalibrated logit (B,) and, if it
            is told, distance (B,) or features (B, F).
        """
        if self.further is None:
            logit, mask_logit = self.detector(image, valid)
            return torch.sigmoid(logit / self.temperature), torch.sigmoid(mask_logit), logit
        logit, mask_logit, features = self.detector.with_features(image, valid)  # type: ignore[operator]
        if isinstance(self.further, Familiarity):
            features = self._distance(features, self.further.rest)
        return torch.sigmoid(logit / self.temperature), torch.sigmoid(mask_logit), logit, features

    def _distance(self, features: Tensor, rest: float) -> Tensor:
        """Does what `Familiarity.distance` does, in the graph: features (B, F) to distances (B,)."""
        standard = (features - self.mean) / self.scale
        along = standard @ self.directions.T  # (B, K)
        beside = (standard - along @ self.directions).square().sum(dim=1)  # no difference of large squares
        square = (along.square() / self.variances).sum(dim=1) + beside / rest
        return torch.sqrt(square / features.shape[1])


def export_onnx(
    detector: nn.Module,
    temperature: float,
    path: Path,
    metadata: Mapping[str, str],
    multiple: int = STRIDE,
    further: Further = None,
) -> None:
    """Writes a detector as one ONNX file, weights inside; batch, height and width stay free.

    Weights that `halving.halve` rounded are stored in half precision; the network calculates in single.

    Height and width are declared as multiples of `multiple` (tracing with free ones and padding in the
    graph does not finish). The file is checked with `onnx.checker`; it is removed again if that fails.

    Args:
        detector: In eval mode, on the CPU.
        temperature: Of the calibration, which becomes part of the graph.
        path: File to write.
        metadata: Goes into the file's `metadata_props`.
        multiple: Grid of height and width, pixels.
        further: What the graph tells besides, as an output of its own; None: no such output.

    Raises:
        ExportError: The exporter or the checker refuses; one line says where.
    """
    wrapped = ExportedDetector(detector, temperature, further).eval()
    outputs = [*OUTPUTS]
    if further is not None:
        outputs.append(DISTANCE if isinstance(further, Familiarity) else FEATURES)
    # Sizes that differ from one another and from 1, or the exporter would take them for fixed.
    image = torch.zeros(2, 3, 3 * multiple, 4 * multiple, dtype=torch.uint8)
    valid = torch.ones(2, 1, 3 * multiple, 4 * multiple, dtype=torch.uint8)
    batch, rows, columns = (torch.export.Dim(name, min=1) for name in ("batch", "rows", "columns"))
    sizes = {0: batch, 2: multiple * rows, 3: multiple * columns}
    try:
        with _quiet():
            program = torch.onnx.export(
                wrapped,
                (image, valid),
                dynamo=True,
                input_names=list(INPUTS),
                output_names=outputs,
                dynamic_shapes={"image": sizes, "valid": sizes},
                verbose=False,
            )
            if program is None:
                raise RuntimeError("the exporter gave no program")
            model = program.model_proto
            _forget_source(model)
            store_halved(model)
            onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
            onnx.save(model, path)
            onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # torch.export and onnx raise a dozen kinds, with texts of a hundred lines
        path.unlink(missing_ok=True)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ExportError(f"cannot export the detector to ONNX: {lines[0][:300]}") from error


def _forget_source(model: onnx.ModelProto) -> None:
    """Removes what the exporter tells of the source code: a quarter of a megabyte, with a machine's paths."""
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.value_info,
        *graph.input,
        *graph.output,
    ):
        del part.metadata_props[:]
        part.doc_string = ""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's progress and deprecation texts off the terminal."""
    names = ("torch.onnx", "onnxscript", "torch.export", "onnx_ir")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
