"""What is done to one planned batch: prepare it, let networks write, save it. Every engine maps this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.dataset.folder import DatasetFolder, Part, Skipped, writing
from falseflaw.errors import FalseFlawError, MissingExtraError
from falseflaw.inpainting.inpainter import Samples
from falseflaw.machine import StageTimer
from falseflaw.synthesis.layers import SetLayers, make_layers, save_layers
from falseflaw.synthesis.members import NetworkOutputs, assemble
from falseflaw.synthesis.networks import Writers
from falseflaw.synthesis.plan import SetPlan
from falseflaw.synthesis.prepare import PreparedSet, SetMaker
from falseflaw.synthesis.saving import Upload
from falseflaw.types import Image


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch on its way: prepared sets, what networks made of each, and the sources that were left out.

    A set has outputs where its members are to be made, and layers where the plan names rewriters.
    """

    number: int
    prepared: list[PreparedSet]
    skipped: list[Skipped]
    outputs: list[NetworkOutputs | None]
    layers: list[SetLayers | None] = field(default_factory=list)


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
        crops: dict[str, tuple[Image, Image]] = {}
        asked = [entry for entry in batch.prepared if entry.plan.inpainted]
        for (name, _), group in groupby(sorted(asked, key=_generator_and_side), key=_generator_and_side):
            sets = list(group)
            with self.timer("sample"):
                samples = self._sample(name, sets)
            for index, entry in enumerate(sets):
                source = entry.plan.source_id
                crops[source] = samples.images[index], samples.images[index + len(sets)]
                if entry.plan.members:
                    outputs[source] = self._outputs(entry, samples, index, index + len(sets))
        ordered = [outputs.get(entry.plan.source_id) for entry in batch.prepared]
        layers = [self._layers(entry, crops, outputs) for entry in batch.prepared]
        return Batch(batch.number, batch.prepared, batch.skipped, ordered, layers)

    def save(self, batch: Batch) -> Part:
        """Writes the images of a batch and then its part file."""
        with self.timer("save"), writing(self.folder.path):
            rows = [
                row.columns()
                for prepared, outputs in zip(batch.prepared, batch.outputs, strict=True)
                if outputs is not None
                for row in self.upload.save(prepared, assemble(prepared, outputs))
            ]
            layers = [
                row
                for prepared, made in zip(batch.prepared, batch.layers, strict=True)
                if made is not None
                for row in save_layers(self.folder.path, prepared, made, self.upload.config_hash)
            ]
            part = Part(batch.number, rows, batch.skipped, layers)
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

    def _layers(
        self,
        entry: PreparedSet,
        crops: Mapping[str, tuple[Image, Image]],
        outputs: Mapping[str, NetworkOutputs],
    ) -> SetLayers | None:
        source = entry.plan.source_id
        if not entry.plan.rewriters:
            return None
        with self.timer("rewrite"):
            autoencoders = self.writers.autoencoders
            settings = self.maker.settings
            return make_layers(entry, settings, autoencoders, crops.get(source), outputs.get(source))

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
