"""Inspects data sets: shows, checks, compares and extracts them."""
