"""What can be known about a merge before it is made."""
