"""Read one file as delivered, whatever program wrote it: its table, what it says of its columns, where it came from."""

from qa_reports.survey.readers.delivered import DataFile, FileProvenance, VariableLabels
from qa_reports.survey.readers.read import read_data_file

__all__ = ["DataFile", "FileProvenance", "VariableLabels", "read_data_file"]
