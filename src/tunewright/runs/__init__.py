"""What a run leaves behind and how to read it: one versioned folder of recipe, lineage, events, metrics, artifacts."""
