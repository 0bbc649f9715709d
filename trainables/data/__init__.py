"""Named data sets: fetched once, verified, split once per study and shared by its trials."""
