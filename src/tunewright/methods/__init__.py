"""From a model to a trainable model: which weights learn, how they are saved, and how they are put back."""
