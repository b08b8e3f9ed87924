"""Evolutionary merging: the numbers of a recipe are searched by CMA-ES, candidates never touch the disk.

run.py        from folders to a folder
search.py     generation after generation: ask, score, tell
strategy.py   CMA-ES in a box; front.py: what is better when there are several objectives
goals.py      the questions: those of the search, and others for the report
scoring.py    a candidate's answers, cut short by race.py when it is hopeless
maker.py      candidates, made in the resident model's own memory (resident.py) from held.py
history.py    every candidate, so that an interrupted search goes on exactly
genome.py     the peer's YAML
card.py       the winner's card and picture

What may be searched, and the way from a point to a recipe, is `alloyengine.spec.space`.
"""
