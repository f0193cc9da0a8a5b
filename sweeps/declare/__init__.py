"""A sweep as declared: its file, its cells, the identity of its runs. Imports no Ray and no model."""
