"""Synthetic sample radiographs for the demonstration: drawn from many patients' statistics, showing no patient.

The way of one sample: `cohort` reads the training pictures and lays their lungs over each other; `atlas` warps two
dozen look-alikes of different patients onto each other (`registration`) and keeps their mean, their residuals and their
deformations; `drawing` samples a new chest from these and, for pneumonia, adds opacities; `film` brings it to full size
with grain, collimation and the mark SYNTHETIC; `choosing` keeps what the rule in it allows; `likeness` measures how
close each sample comes to any training picture; `files` writes JPEG and DICOM; `making` does the forty.

    python -m lingula.training.synthesis --data LINGULA_DATA --out src/lingula/shipped/samples
"""
