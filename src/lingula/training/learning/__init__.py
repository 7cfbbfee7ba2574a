"""How networks learn: material, pictures as they are seen, losses, pace, devices, checkpoints and the journal."""
