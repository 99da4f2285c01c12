"""What was a model able to do that it was not taught just now? Suites of general rows, built in or the user's own."""
