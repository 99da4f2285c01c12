"""What a data set is like: lengths, answers, labels, scripts, what would be cut, and what the prompt tree will save."""
