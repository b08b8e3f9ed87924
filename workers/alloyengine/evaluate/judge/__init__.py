"""A judge: a model behind an OpenAI-compatible endpoint that says which of two answers is better.

question.py   what it is asked, and what it may answer
endpoint.py   how it is reached: with a time limit, and without letting a key go astray
pairs.py      both orders of every pair; what the judge does not say is told and costs nothing else
"""
