"""What is minimised: pure losses on tensors, without model, method or loop."""
