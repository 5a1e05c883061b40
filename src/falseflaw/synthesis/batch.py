"""What is done to one planned batch: prepare it, let networks write, save it. Every engine maps this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.dataset.folder import DatasetFolder, Part, Skipped, writing
from falseflaw.errors import FalseFlawError, MissingExtraError
from falseflaw.inpainting.inpainter import Samples
from falseflaw.machine import StageTimer
from falseflaw.synthesis.members import NetworkOutputs, assemble
from falseflaw.synthesis.networks import Writers
from falseflaw.synthesis.plan import SetPlan
from falseflaw.synthesis.prepare import PreparedSet, SetMaker
from falseflaw.synthesis.saving import Upload


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch on its way: prepared sets, what networks made of each, and the sources that were left out."""

    number: int
    prepared: list[PreparedSet]
    skipped: list[Skipped]
    outputs: list[NetworkOutputs]


@dataclass(frozen=True)
class BatchMaker:
    """The three stages of a batch; each can run on a thread of its own.

    Attributes:
        maker: Prepares the sets.
        writers: The networks.
        upload: Saves the members.
        folder: Where the parts go.
        timer: Adds up the seconds of each stage.
    """

    maker: SetMaker
    writers: Writers
    upload: Upload
    folder: DatasetFolder
    timer: StageTimer

    def prepare(self, number: int, plans: Sequence[SetPlan]) -> Batch:
        """Prepares the sets of a batch; a source that cannot be used is left out and told."""
        batch = Batch(number, [], [], [])
        for plan in plans:
            try:
                batch.prepared.append(self.maker.prepare(plan, self.timer))
            except MissingExtraError:  # all photos would be skipped for the same reason
                raise
            except FalseFlawError as error:
                name = plan.source_id.encode("utf-8", "replace").decode()
                batch.skipped.append(Skipped(name, " ".join(str(error).split())))
        return batch

    def write(self, batch: Batch) -> Batch:
        """Lets the networks write: crops of one generator and size together, in the order of the plan."""
        outputs: dict[str, NetworkOutputs] = {}
        for (name, _), group in groupby(
            sorted(batch.prepared, key=_generator_and_side), key=_generator_and_side
        ):
            sets = list(group)
            with self.timer("sample"):
                samples = self._sample(name, sets)
            for index, entry in enumerate(sets):
                outputs[entry.plan.source_id] = self._outputs(entry, samples, index, index + len(sets))
        ordered = [outputs[entry.plan.source_id] for entry in batch.prepared]
        return Batch(batch.number, batch.prepared, batch.skipped, ordered)

    def save(self, batch: Batch) -> Part:
        """Writes the images of a batch and then its part file."""
        with self.timer("save"), writing(self.folder.path):
            rows = [
                row.columns()
                for prepared, outputs in zip(batch.prepared, batch.outputs, strict=True)
                for row in self.upload.save(prepared, assemble(prepared, outputs))
            ]
            part = Part(batch.number, rows, batch.skipped)
            self.folder.write_part(part)
        return replace(part, seconds=self.timer.take())

    def _sample(self, generator: str, sets: Sequence[PreparedSet]) -> Samples:
        """Samples the flaws of all sets and, behind them, their clean material."""
        plans = [entry.plan for entry in sets]
        crops, regions = [entry.crop for entry in sets], [entry.crop_region for entry in sets]
        return self.writers.inpainters[generator].sample(
            np.stack([*crops, *crops]),  # (2 B, S, S, 3)
            np.stack([*regions, *regions]),  # (2 B, S, S)
            [*(plan.prompt for plan in plans), *(CLEAN_PROMPT for _ in plans)],
            [*(plan.sampling_seed for plan in plans), *(plan.refill_seed for plan in plans)],
        )

    def _outputs(self, entry: PreparedSet, samples: Samples, flaw: int, clean: int) -> NetworkOutputs:
        authentic, damaged = entry.authentic, entry.damaged
        inpainter = self.writers.inpainters[entry.plan.generator]
        spliced = entry.write(authentic, samples.images[flaw])
        with self.timer("regenerate"):
            # Latents of another scale do not fit the photo's own, and a photo that was resized
            # as a whole would tell itself apart from every negative by that alone.
            regenerated = (
                inpainter.round_trip(spliced)
                if entry.plan.crop_scale != 1
                else inpainter.regenerate(authentic, samples.latents[flaw], entry.box, entry.region)
            )
        with self.timer("autoencode"):
            autoencoders = self.writers.autoencoders
            name, seed = entry.plan.autoencoder, entry.plan.decoder_seed
            crop = entry.box.cut(entry.bring(damaged))
            return NetworkOutputs(
                spliced=spliced,
                regenerated=regenerated,
                refilled=entry.write(authentic, samples.images[clean]),
                autoencoded=entry.write(damaged, autoencoders.round_trip(name, crop, seed)),
                round_trip_authentic=autoencoders.round_trip(name, authentic, seed),
                round_trip_damaged=autoencoders.round_trip(name, damaged, seed),
            )


def _generator_and_side(prepared: PreparedSet) -> tuple[str, int]:
    return prepared.plan.generator, prepared.box.height
