"""How is an evaluation shown? As a page, as Markdown and in the terminal, the verdict first in each.

Everything here reads `runs.evaluation.Evaluation` and says what it holds. Nothing here scores, compares or decides.
"""
