"""The detector that is evaluated: of a training run, a checkpoint or a bundle; or a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from falseflaw.dataset.lineage import contributor_digests, read_learnt_from
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point
from falseflaw.evaluation.figures.unlike import FAMILIARITY_NAME, read_familiarity
from falseflaw.evaluation.prediction.exported import ONNX, ExportedScorer
from falseflaw.evaluation.prediction.scorers import BundleScorer, CheckpointScorer, Scorer
from falseflaw.paths import BUNDLE_HINT, find_existing
from falseflaw.statistics.familiarity import Familiarity
from falseflaw.types import OperatingPoint

Kind = Literal["run", "checkpoint", "bundle", "baseline"]


@dataclass(frozen=True)
class DetectorUnderTest:
    """A detector with what fixes its thresholds and its ignorance of the test photos.

    Attributes:
        scorer: Runs it.
        operating_point: Fixed before, of a bundle or an earlier evaluation; None: to be fitted.
        familiarity: Of the earlier evaluation: tells distances. A bundle tells them itself.
        learnt_from: Digests of the contributors that it learnt from, as far as that is known.
    """

    scorer: Scorer
    operating_point: OperatingPoint | None = None
    learnt_from: tuple[str, ...] = ()
    familiarity: Familiarity | None = None


@dataclass(frozen=True)
class Target:
    """What is named to be evaluated.

    Attributes:
        kind: A training run stands for its best checkpoint.
        path: Folder of the run or the bundle, file of the checkpoint; of a baseline, its name.
        baseline: The scorer itself, which learnt from nobody.
    """

    kind: Kind
    path: Path
    baseline: Scorer | None = None

    @classmethod
    def named(
        cls,
        *,
        run: str | None,
        checkpoint: str | None,
        bundle: str | None,
        baseline: Scorer | None = None,
    ) -> Target:
        """Returns the one that is named.

        Raises:
            ConfigurationError: None is, or more than one.
        """
        given: dict[Kind, str] = {}
        if run is not None:
            given["run"] = run
        if checkpoint is not None:
            given["checkpoint"] = checkpoint
        if bundle is not None:
            given["bundle"] = bundle
        if baseline is not None:
            given["baseline"] = baseline.describe()["path"]
        if len(given) != 1:
            raise ConfigurationError(
                "expected one of run=FOLDER, checkpoint=FILE, bundle=FOLDER and baseline=NAME, "
                f"got {' and '.join(given) if given else 'none'}"
            )
        ((kind, path),) = given.items()
        return cls(kind, Path(path), baseline)

    def dataset(self, given: str | None) -> Path:
        """Returns the dataset given, or the one that the run was trained on.

        Raises:
            ConfigurationError: Neither is there.
            MissingDataError: It does not exist, or the run does not.
            InvalidDataError: The run's configuration cannot be read.
        """
        if given is not None:
            return find_existing(given, "a dataset", "build one with `falseflaw synthesize`")
        if self.kind != "run":
            raise ConfigurationError(
                "expected dataset=FOLDER with checkpoint=, bundle= or baseline=, got none"
            )
        path = self.path / "config.yaml"
        if not path.is_file():
            raise MissingDataError(
                f"expected a training run with config.yaml at {self.path}, found none; "
                "name a folder that `falseflaw train` made"
            )
        try:
            trained_on = OmegaConf.select(OmegaConf.load(path), "data.dataset")
        except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
            raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
        if not isinstance(trained_on, str):
            raise InvalidDataError(
                f"expected data.dataset in {path}, got {trained_on!r}; pass dataset=FOLDER"
            )
        return find_existing(trained_on, "the dataset of the run", "pass dataset=FOLDER")

    def output(self, dataset: Path, fixed: bool) -> Path:
        """Returns where results are written if nobody says otherwise.

        Args:
            dataset: That is evaluated on.
            fixed: Whether thresholds of an earlier evaluation are used; its folder is not written to.
        """
        if self.kind in {"bundle", "baseline"}:
            return Path("runs") / f"evaluation_{self.path.name}"
        folder = self.path if self.kind == "run" else self.path.parent
        return folder / (f"evaluation_{dataset.name}" if fixed else "evaluation")

    def load(self, operating_point: str | None, device: str) -> DetectorUnderTest:
        """Opens the detector.

        Args:
            operating_point: Of an earlier evaluation: its folder or file; None: the bundle's own, or none.
            device: Torch device of a checkpoint, `auto`, or `onnx` for onnxruntime.

        Raises:
            ConfigurationError: An operating point for a bundle, which brings its own.
            MissingDataError, InvalidDataError: Something named is not there or damaged.
        """
        if self.kind == "bundle":
            if operating_point is not None:
                raise ConfigurationError("expected bundle= without operating_point=: a bundle brings its own")
            bundle = BundleScorer(find_existing(self.path, "a bundle", BUNDLE_HINT))
            return DetectorUnderTest(bundle, bundle.operating_point, tuple(bundle.info.contributors))
        point, familiarity = None, None
        if operating_point is not None:
            path = find_existing(operating_point, "an operating point", "run `falseflaw evaluate` first")
            path = path / OPERATING_POINT_NAME if path.is_dir() else path
            point, _ = read_operating_point(path)
            familiarity = read_familiarity(path.parent)
            if point.distance_threshold is not None and familiarity is None:
                raise MissingDataError(
                    f"expected {FAMILIARITY_NAME} beside {path}, found none; name the evaluation's own folder"
                )
        if self.baseline is not None:
            return DetectorUnderTest(self.baseline, point)
        if self.kind == "checkpoint":
            return DetectorUnderTest(_open(self.path, device), point, (), familiarity)
        learnt = contributor_digests(read_learnt_from(self.path))
        best = _open(self.path / "checkpoints" / "best.ckpt", device)
        return DetectorUnderTest(best, point, learnt, familiarity)


def _open(checkpoint: Path, device: str) -> CheckpointScorer:
    return ExportedScorer(checkpoint) if device == ONNX else CheckpointScorer(checkpoint, device)
