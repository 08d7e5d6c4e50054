"""Two plugins of one distribution, each written for a version of asd-bench that this is not."""
