"""Text and reference in, a score or a named failure out: one function type for metric, reward and stop signal."""
