"""Provenance facts: what a photo's file says about itself, beside its pixels.

`read_facts(data)` returns them; docs/facts.md says what each means and what it does not mean.
"""

from falseflaw.metadata.facts import CODES, Fact
from falseflaw.metadata.reading import read_facts

__all__ = ["CODES", "Fact", "read_facts"]
