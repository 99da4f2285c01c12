"""How good, and against what: the tuned model held against its base on held-out rows, and the page that shows it."""
