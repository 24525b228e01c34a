"""Recurrent layers, unrolled step by step: SimpleRNN, GRU, LSTM, RNN of cells, and their cells."""
