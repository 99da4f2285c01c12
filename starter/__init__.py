"""How the built-in starter model is made: generated text, a tokenizer and a model trained on it, scores and card."""
