"""Reads users' picture files: single files, and directory trees or zip files of them."""
