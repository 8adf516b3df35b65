"""The format on disk: TFRecord files of every level, written and read (docs/method.md)."""
