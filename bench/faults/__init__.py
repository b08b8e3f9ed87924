"""The fault campaign: many small jobs of several tenants, while processes die and stores fail.

stage.py       a stack of its own, two tiny base models, the tenants
tenant.py      what a tenant does through the REST API
plays.py       the jobs, and how each must end
nemesis.py     the faults, and which of them strike when
invariants.py  what must be so at the end, asked of database, storage and processes
figures.py     what is told of a campaign
campaign.py    all of it, from start to verdict
"""
