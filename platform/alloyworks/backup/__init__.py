"""Backups of a deployment: a folder with the database's dump and every stored file it refers to.

    FOLDER/manifest.json    what is in it, and how many rows of each table every tenant has
    FOLDER/database.dump    pg_dump's custom format
    FOLDER/objects/<key>    stored files, as they lie in the bucket

The database is dumped first, at one moment, and the files are those that it knew at that moment:
files are never written twice, so a later copy of one is the same.
"""
