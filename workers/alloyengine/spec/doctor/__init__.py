"""The merge doctor's pure core: what can be said about a merge before anything is computed.

`examine` compares the facts of the models with the recipe. It reads no file; the command line and
the platform call it alike, so that both say the same words.
"""

from alloyengine.spec.doctor.examine import examine
from alloyengine.spec.doctor.report import Estimate, Finding, LicenceOfResult, Report

__all__ = ["Estimate", "Finding", "LicenceOfResult", "Report", "examine"]
