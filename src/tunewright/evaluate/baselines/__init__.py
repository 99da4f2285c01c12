"""What the untuned model is asked, so that the comparison with the tuned one is fair: prompts, examples, passages."""
