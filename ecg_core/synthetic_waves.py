"""Waves of the synthetic generator: the average normal beat, and the shapes that stand for diseases.

A wave is a Gaussian in time that all leads share, with one amplitude a lead: (centre s from R, width s, amplitudes in
mV of I II V1 V2 V3 V4 V5 V6). `AVERAGE` and the figures below it were computed by `training/fit_synthetic.py` from
2,415 normal ECGs of PTB-XL's folds 1-8 (doi 10.1038/s41597-020-0495-6): means and medians over all, nobody's own beat.
The other tables are drawn after textbook criteria.
"""

Wave = tuple[float, float, tuple[float, ...]]

AVERAGE: tuple[Wave, ...] = (
    (-0.2292, 0.0382, (-0.001, -0.003, -0.001, -0.007, -0.007, -0.005, -0.003, -0.001)),
    (-0.1411, 0.0249, (0.033, 0.180, 0.106, 0.124, 0.129, 0.105, 0.074, 0.053)),
    (-0.1337, 0.0249, (0.031, -0.094, -0.129, -0.116, -0.102, -0.067, -0.032, -0.011)),
    (-0.0620, 0.0241, (-0.016, -0.031, -0.009, -0.030, -0.029, -0.022, -0.018, -0.016)),
    (-0.0201, 0.0088, (-0.080, -0.066, 0.177, 0.231, 0.103, -0.033, -0.103, -0.111)),
    (-0.0073, 0.0099, (0.256, 0.208, -0.053, 0.218, 0.393, 0.433, 0.385, 0.282)),
    (-0.0008, 0.0090, (0.267, 0.379, -0.237, -0.071, 0.376, 0.740, 0.662, 0.441)),
    (0.0056, 0.0101, (0.322, 0.350, -0.525, -0.615, -0.048, 0.381, 0.526, 0.536)),
    (0.0185, 0.0096, (-0.122, -0.147, -0.218, -0.601, -0.738, -0.634, -0.394, -0.185)),
    (0.0316, 0.0072, (0.023, 0.024, -0.077, -0.063, -0.002, 0.048, 0.050, 0.039)),
    (0.0435, 0.0089, (-0.010, -0.013, -0.031, -0.060, -0.065, -0.055, -0.035, -0.014)),
    (0.0653, 0.0689, (-0.018, -0.029, 0.030, 0.035, 0.007, -0.018, -0.025, -0.023)),
    (0.1588, 0.0535, (0.021, 0.015, 0.031, 0.107, 0.096, 0.058, 0.032, 0.018)),
    (0.2222, 0.0346, (0.062, 0.059, 0.027, 0.217, 0.199, 0.137, 0.089, 0.059)),
    (0.2646, 0.0317, (0.168, 0.193, -0.026, 0.281, 0.337, 0.313, 0.262, 0.201)),
    (0.2955, 0.0276, (0.006, 0.018, -0.000, -0.014, -0.001, 0.008, 0.010, 0.010)),
    (0.3700, 0.0805, (0.002, 0.006, 0.011, 0.024, 0.026, 0.018, 0.011, 0.007)),
)
"""Left unexplained of the average beat: 2 uV RMS. P peaks at -0.146 s, T at 0.254 s."""

P_BEFORE_S, T_AFTER_S = -0.04, 0.06
"""Waves centred before the first are the P wave and its repolarisation; those after the second move with the rate."""

T_PEAK_S, T_SLOPE, T_LEVEL = 0.254, 0.252, 0.019
"""T peaks at ``T_SLOPE sqrt(RR) + T_LEVEL`` s: the regression over normals."""

RR_SD_S = 0.023
"""Median standard deviation of RR in 10 s of normals, s."""

NOISE_BANDS_HZ = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 150.0)
NOISE_UV = (30.0, 15.0, 5.5, 5.5, 6.0, 5.5, 6.5, 6.0, 3.0, 1.0)
"""RMS in each band: 0.5-40 Hz from what normals leave without their median beat, the rest plausible for a
diagnostic recorder (wander below, its muscle filter above)."""

PREMATURE: tuple[Wave, ...] = (
    (-0.012, 0.023, (0.35, 1.10, -0.90, -1.40, -0.90, 0.80, 1.40, 1.20)),
    (0.042, 0.023, (0.30, 0.95, -0.85, -1.30, -0.70, 0.70, 1.15, 1.00)),
    (0.140, 0.050, (-0.08, -0.20, 0.18, 0.30, 0.18, -0.15, -0.25, -0.20)),
    (0.270, 0.055, (-0.20, -0.55, 0.40, 0.75, 0.50, -0.35, -0.60, -0.50)),
)
"""A beat from the right ventricular outflow tract: 150 ms wide, left bundle branch shape, inferior axis."""

LEFT_BUNDLE_BRANCH_BLOCK: tuple[Wave, ...] = (
    (-0.030, 0.014, (0.12, 0.10, 0.12, 0.15, 0.15, 0.15, 0.15, 0.12)),
    (0.000, 0.020, (0.60, 0.35, -0.75, -1.00, -0.75, 0.05, 0.75, 0.65)),
    (0.047, 0.020, (0.62, 0.25, -0.85, -1.20, -0.95, -0.25, 0.80, 0.75)),
    (0.130, 0.050, (-0.08, -0.04, 0.14, 0.24, 0.20, 0.04, -0.10, -0.10)),
    (0.210, 0.050, (-0.10, -0.05, 0.18, 0.34, 0.30, 0.10, -0.12, -0.12)),
    (0.300, 0.045, (-0.20, -0.08, 0.28, 0.50, 0.42, 0.14, -0.24, -0.24)),
)
"""QRS of 150 ms, notched in I, V5, V6, deep S in V1 to V3, ST-T opposed (doi 10.1016/j.jacc.2008.12.013)."""

ANTERIOR_INJURY: tuple[Wave, ...] = (
    (0.075, 0.028, (0.05, -0.04, 0.08, 0.22, 0.26, 0.18, 0.09, 0.03)),
    (0.140, 0.040, (0.08, -0.06, 0.12, 0.30, 0.36, 0.26, 0.13, 0.05)),
    (0.215, 0.045, (0.08, -0.06, 0.12, 0.30, 0.38, 0.28, 0.14, 0.05)),
)
"""ST elevation in V1 to V5, I and aVL; reciprocal depression in III and aVF, which follow from I and II."""

INFERIOR_INJURY: tuple[Wave, ...] = (
    (0.075, 0.028, (-0.06, 0.16, 0.02, -0.08, -0.07, -0.02, 0.02, 0.05)),
    (0.140, 0.040, (-0.09, 0.22, 0.02, -0.12, -0.10, -0.02, 0.03, 0.07)),
    (0.215, 0.045, (-0.09, 0.22, 0.02, -0.10, -0.08, -0.02, 0.03, 0.07)),
)
"""ST elevation in II, III and aVF; reciprocal depression in I, aVL and V2 to V3."""

FIBRILLATION_MV = (0.02, 0.04, 0.075, 0.045, 0.03, 0.02, 0.02, 0.02)
"""Amplitude of the f waves in each lead, highest in V1."""
