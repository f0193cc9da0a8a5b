"""The sections of a report, one file each, in the folders of the rooms whose results they show."""
