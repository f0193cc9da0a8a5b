"""The resolved sweep as a dataset states it: its record, its form and its digest."""
