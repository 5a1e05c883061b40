"""The part of a variant's model card that tells what the variant costs and gains."""

from __future__ import annotations

from falseflaw.evaluation.figures.decoding import decode
from falseflaw.release.hub import laundering_name
from falseflaw.release.variants.precision import Precision
from falseflaw.release.variants.price import PRICED, Price
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.statistics.text import figure_text, markdown_table


def price_section(info: BundleInfo) -> str:
    """Returns the section in Markdown, with an empty line after it; empty for a bundle of fp32."""
    if not info.variant:
        return ""
    price = decode(Price, info.variant["price"])
    lines = []
    for name, word in PRICED.items():
        pair = price.figures[name]
        shown = (figure_text(pair.fp32), figure_text(pair.variant), figure_text(pair.difference, 4, "+"))
        lines.append((word, *shown))
    height, width = price.size
    threads = "one thread" if price.threads == 1 else f"{price.threads} threads"
    lines.append(_change(f"a photo of {height}x{width}, {threads}, median ms", price.milliseconds, 0))
    lines.append(_change("`model.onnx`, MB", price.megabytes, 1))
    launderings = ", ".join(map(laundering_name, price.launderings))
    return (
        f"## What {info.precision} costs\n\n{_how(info)} The figures above and the promises below are those "
        f"of the network in float32 (`{info.variant['fp32_sha256'][:12]}`). This table tells what changes at "
        f"the same thresholds: {price.photos} photos of {price.sources} sources, {price.fold} fold of "
        f"`{price.dataset}` (configuration `{price.config_hash}`), {launderings}. Differences are resampled "
        f"in pairs.\n\n{markdown_table(('figure', 'fp32', info.precision, 'difference'), lines)}\n\n"
        f"{price.changed} of {price.verdicts} verdicts are other ones; {price.accused} of {price.honest} on "
        f"honest photos became `altered`. Probabilities move by {price.mean_move:.4f} on average and by "
        f"{price.largest_move:.4f} at most.\n\n"
    )


def _how(info: BundleInfo) -> str:
    """Says how the variant was made."""
    if info.precision == Precision.FP16:
        return "Weights are stored in half precision; the network calculates in float32."
    return (
        f"Convolutions calculate in 8 bits, but for the first {info.variant['float_convolutions']} of the "
        f"graph; ranges were measured on {info.variant['calibration_photos']} photos of the validation fold, "
        "of other sources than those below. All else is float32."
    )


def _change(what: str, values: dict[str, float], digits: int) -> tuple[str, str, str, str]:
    before, after = values["fp32"], values["variant"]
    return what, f"{before:.{digits}f}", f"{after:.{digits}f}", f"{100 * (after / before - 1):+.0f} %"
