"""From bytes to a live model: sources, loading, tokenizer, device and precision, and the built-in starter."""
