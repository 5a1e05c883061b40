"""The words of `croissant.json`: its JSON-LD context, and what it says of responsible use."""

from __future__ import annotations

from typing import Any

import pandas as pd

from falseflaw.dataset.folder import DATASHEET_NAME
from falseflaw.types import Fold

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that Croissant 1.0 gives; its tools warn of any other."""

_SYNTHESIZED = {
    "dataCollection": (
        "Photos of intact products were taken over from the photo sets that the license names. A program "
        "painted simulated damage into them, and networks wrote damage into them; nobody photographed it."
    ),
    "dataCollectionType": ["Secondary Data Analysis", "Software Collection"],
    "dataPreprocessingProtocol": [
        "Every member of a matched set passed the same camera step and the same upload save, drawn per "
        "source and never per class. Files carry no metadata."
    ],
    "dataAnnotationProtocol": [
        "Labels and masks are known by construction: the build that wrote a region recorded it. "
        "No person annotated anything."
    ],
    "dataBiases": [
        "Sources that cannot be decoded or offer no place for a flaw are left out, which favors photos with "
        "a clearly visible product. Few networks wrote the fakes: detectors learn those first."
    ],
    "dataLimitations": [
        "Not for claims about real damage: simulated flaws are painted by a program. Figures on networks "
        "that a detector learned from do not speak for others."
    ],
}

_GATHERED = {
    "dataCollection": (
        "Photos of really damaged products, or photos that others altered, were taken over from the "
        "published sets that the license names."
    ),
    "dataCollectionType": ["Secondary Data Analysis"],
    "dataPreprocessingProtocol": [
        "Decoded, turned upright and saved once as JPEG, drawn per group and never per class. Files carry "
        "no metadata."
    ],
    "dataAnnotationProtocol": [
        "Regions are those that the sets' own annotators outlined or boxed, or follow from the difference "
        "between an altered photo and its original; region_origin says which."
    ],
    "dataBiases": ["The products, cameras and people are those of a few published sets."],
    "dataLimitations": [
        "What was done to the photos before they were published is not known. Regions by difference are "
        "good to a few pixels."
    ],
}

_TRAINING = "Training and evaluation of detectors of AI-faked product damage."
_EVALUATION = "Evaluation of detectors of AI-faked product damage alone; never to be trained on."


def responsible_ai(rows: pd.DataFrame, gathered: bool) -> dict[str, Any]:
    """Returns the `rai:` fields of a dataset.

    Args:
        rows: Of the manifest.
        gathered: Whether others took or altered the photos; else this project wrote the fakes.
    """
    trained = not gathered and str(Fold.TRAIN) in set(rows["fold"])
    values = {
        **(_GATHERED if gathered else _SYNTHESIZED),
        "dataUseCases": [_TRAINING if trained else _EVALUATION],
        "dataSocialImpact": (
            "A detector that is wrong calls an honest buyer a fraud, or lets a fraud pass. No verdict should "
            "be the only reason to refuse a refund."
        ),
        "personalSensitiveInformation": [
            "None is meant to be there: the photos show products. Nobody searched them for faces or names. "
            "contributor holds the pseudonyms of the published sets."
        ],
        "dataReleaseMaintenancePlan": (
            f"Images are not distributed; the command in {DATASHEET_NAME} rebuilds them. A dataset of "
            "another configuration or other code has another hash."
        ),
    }
    return {f"rai:{name}": value for name, value in values.items()}
