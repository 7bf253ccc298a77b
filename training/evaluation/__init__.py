"""How well encoders find people: rankings, figures, intervals, reports."""
