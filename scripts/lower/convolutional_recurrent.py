"""ConvLSTM1D, 2D and 3D, unrolled step by step."""
