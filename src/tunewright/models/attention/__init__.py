"""Attention over a forest: the same predicate on subtrees, by the means that suit the device."""
