"""The block of metadata that opens a model card, as model hubs read it.

See https://huggingface.co/docs/hub/model-cards#model-card-metadata.
"""

from __future__ import annotations

from typing import Any

import yaml

from falseflaw.evaluation.figures.summary import ComparisonSummary, LaunderingFigures
from falseflaw.runtime.bundle import BundleInfo

DIGITS = 3
"""Of every figure, as in the tables."""

_TAGS = ("image-forensics", "inpainting-detection", "manipulation-localization", "refund-fraud", "onnx")


def metadata_block(info: BundleInfo, summary: ComparisonSummary | None) -> str:
    """Returns the YAML between its two rules.

    Args:
        info: Of the bundle.
        summary: Of its evaluation; None leaves out what was measured.
    """
    values: dict[str, Any] = {
        "license": "apache-2.0",
        "library_name": "onnxruntime",
        "pipeline_tag": "image-classification",
        "tags": list(_TAGS),
    }
    if summary is not None:
        values["datasets"] = list(summary.provenance.photo_sets)
        values["metrics"] = ["roc_auc", "recall", "false_positive_rate", "f1"]
        entries = (summary.launderings[0], summary.pooled)
        results = [_result(summary, entry) for entry in entries]
        values["model-index"] = [{"name": info.name, "results": results}]
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{text}---"


def _result(summary: ComparisonSummary, entry: LaunderingFigures) -> dict[str, Any]:
    head = entry.headline
    figures = (
        ("roc_auc", "AUROC", head.auroc),
        ("recall", "TPR at the fixed threshold", head.tpr),
        ("false_positive_rate", "FPR on simulated damage", head.fpr),
        ("f1", "pixel F1", entry.pixel.f1),
    )
    return {
        "task": {"type": "image-classification", "name": summary.comparison},
        "dataset": {
            "name": f"matched sets of {summary.sources} sources, {laundering_name(entry.name)}",
            "type": summary.provenance.dataset.rstrip("/").rsplit("/", 1)[-1],
            "config": ",".join(summary.provenance.dataset_config_hash),
            "split": summary.fold,
        },
        "metrics": [
            {"type": kind, "name": name, "value": round(figure.value, DIGITS)}
            for kind, name, figure in figures
            if figure.value is not None
        ],
    }


def laundering_name(name: str) -> str:
    """Returns the word for a laundering."""
    return "untouched" if name == "identity" else name
