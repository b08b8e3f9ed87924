"""Evolutionary merging: the numbers of a recipe are searched by CMA-ES, candidates never touch the disk.

run.py        from folders to a folder
goals.py      the questions: those of the search, and others for the report
search.py     generation after generation: ask, score, tell; finish.py: the winner and the report
strategy.py   CMA-ES in a box
selection.py  which candidates are better; front.py: when there are several objectives
begin.py      what a process needs to try candidates; crowd.py: several processes at once
trial.py      one candidate, made (maker.py) and asked (scoring.py), if it is not given up (race.py)
maker.py      merges into the resident model's own memory (resident.py), from models in memory (held.py)
history.py    every candidate, so that an interrupted search goes on exactly
genome.py     the peer's YAML
card.py       the winner's card and picture

What may be searched, and the way from a point to a recipe, is `alloyengine.spec.space`.
"""
