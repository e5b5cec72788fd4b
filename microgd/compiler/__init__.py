"""Compiled steps: a step recorded once (`tracing`), written as NumPy (`emit`), guarded and replayed (`compile`)."""
