"""The job that foretells: memory, time and disk of a training before it begins."""
