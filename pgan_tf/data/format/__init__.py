"""Reading and writing of the format on disk: TFRecord files of every level (docs/method.md)."""
