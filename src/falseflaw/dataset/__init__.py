"""The format of a dataset on disk: manifest, folder, upload save, and the lineage of what learnt from it."""
