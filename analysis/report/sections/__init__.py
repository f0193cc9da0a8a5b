"""The sections of a report, one file each, in folders named after the packages whose results they show."""
