"""Which of two columns do people prefer, when they do not know which is which?"""
