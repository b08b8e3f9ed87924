"""Where models differ, and where merging them would make them interfere."""
