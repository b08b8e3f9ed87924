"""An id that is nothing's: written out, as every xdist worker must name its tests alike."""

ID = "01a20000-0000-7000-8000-000000000000"
