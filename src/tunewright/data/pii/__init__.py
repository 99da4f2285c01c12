"""What in a text belongs to a person or must stay secret: pure functions from text to places, and one table of them."""
