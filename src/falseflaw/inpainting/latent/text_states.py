"""Prompts as the denoiser takes them: worded for the model, encoded once each, kept for later batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.latent.families import family_of

_KEPT = 256
"""Prompts kept; the closed vocabulary has some thousand, and a T5 state takes 4 MB."""

_PLACE = "{prompt}"


class TextStates:
    """Encodes prompts for one pipeline.

    Args:
        pipeline: The pipeline.
        template: What becomes of a prompt; `{prompt}` stands for it.
        negative: What not to paint.
        call: Arguments of the pipeline's call; some of them matter for the text.

    Raises:
        ConfigurationError: The template has no place for the prompt, or the pipeline takes no negative one.
    """

    def __init__(
        self,
        pipeline: Any,
        template: str = _PLACE,
        negative: str = "",
        call: Mapping[str, Any] | None = None,
    ) -> None:
        family = family_of(pipeline)
        if _PLACE not in template:
            raise ConfigurationError(f"expected {_PLACE} in inpainter.prompt, got {template!r}")
        if negative and not family.takes_negative:
            raise ConfigurationError(
                f"expected no inpainter.negative_prompt, {type(pipeline).__name__} takes none"
            )
        self._pipeline, self._family = pipeline, family
        self._template, self._negative_text = template, negative
        self._options = {name: value for name, value in (call or {}).items() if name in family.text_options}
        self._positives: dict[str, dict[str, Tensor]] = {}
        self._negative: dict[str, Tensor] | None = None

    @torch.inference_mode()
    def arguments(self, prompts: Sequence[str], guided: bool) -> dict[str, Tensor]:
        """Returns the arguments of the pipeline's call that carry the prompts of a batch.

        Args:
            prompts: B texts.
            guided: Whether to add what classifier-free guidance needs.
        """
        for text in dict.fromkeys(prompts):
            if text not in self._positives:  # one by one, so that what was encoded together changes no bit
                worded = self._template.replace(_PLACE, text)
                states = self._family.positive(self._pipeline, worded, self._options)
                self._positives[text] = {name: state.cpu() for name, state in states.items()}
        batch = _join([self._positives[text] for text in prompts])
        while len(self._positives) > _KEPT:
            del self._positives[next(iter(self._positives))]
        if guided:
            if self._negative is None:
                states = self._family.negative(self._pipeline, self._negative_text, self._options)
                self._negative = {name: state.cpu() for name, state in states.items()}
            batch |= _join([self._negative] * len(prompts))
        return {name: states.to(self._pipeline._execution_device) for name, states in batch.items()}


def _join(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Concatenates states of batch size 1, name by name."""
    return {name: torch.cat([entry[name] for entry in states]) for name in states[0]}
