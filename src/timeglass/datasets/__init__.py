"""The series that come with Timeglass: what they are, where they are from, and why they may be passed on."""

from timeglass.datasets.by_name import find, load
from timeglass.datasets.catalogue import DATASETS, Dataset

__all__ = ["DATASETS", "Dataset", "find", "load"]
