"""Statistics that know no sweep: smoothing, crossings, intervals."""
