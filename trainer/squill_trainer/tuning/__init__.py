"""Fine-tuning of any mlx-lm model by command: train, fuse, export, import, report."""
