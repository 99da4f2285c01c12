"""From prompts to tokens: the engine protocol and its implementations."""
