"""Its place puts this folder on the import path, so that rings share `small_market`."""
