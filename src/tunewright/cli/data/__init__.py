"""The verbs of `tunewright data`: one file per verb, its options above and what it prints below."""
