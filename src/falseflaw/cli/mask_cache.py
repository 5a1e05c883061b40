"""Where product masks are cached: one folder per masker and its values, shared by the verbs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from omegaconf import DictConfig, OmegaConf


def mask_cache(cache: Path, product_mask: DictConfig) -> Path:
    """Returns the folder that no masker with other values uses.

    Args:
        cache: The verbs' cache folder.
        product_mask: Configuration of the masker.
    """
    values = OmegaConf.to_container(product_mask, resolve=True)
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return cache / "product_masks" / f"{str(product_mask['_target_']).rpartition('.')[2]}-{digest[:8]}"
