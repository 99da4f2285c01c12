"""Should I fine-tune? From a finished evaluation and a price table to a recommendation, by rules that can be read.

Measures nothing and scores nothing: it reads `runs.evaluation.Evaluation`, adds dollars, and says what follows. Every
number in a sentence stands at a named place of the evaluation.
"""
