"""What can be asked for: the Recipe, a tree of frozen specs, with its YAML, overrides, faults and JSON Schema."""
