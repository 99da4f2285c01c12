"""How the built-in starter model is made: text that we generate, a tokenizer and a model trained on it, scores and card."""
