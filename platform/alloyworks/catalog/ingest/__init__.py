"""From an uploaded file to rows of one known format: bytes → lines → rows → examples → splits.

Everything is streamed and bounded: no file, however strange, takes more memory than a few lines.
"""
