"""What figures are drawn with: theme, axes and ticks, points with intervals, and files."""
