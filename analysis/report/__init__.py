"""Results become a report: sections, tables, one page."""
