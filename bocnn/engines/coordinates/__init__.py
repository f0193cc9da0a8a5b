"""Training in all d coordinates, in compiled loops: what does not stay in the span of start and patches."""
