"""A seeded generator of small-world English: what the starter model reads."""
