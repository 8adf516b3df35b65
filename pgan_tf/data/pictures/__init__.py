"""Picture files as people have them: one file, and trees or zip files of them."""
