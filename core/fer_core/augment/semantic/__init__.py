"""Semantic augmentation in the encoding space of a VAE-GAN: new faces of rare expressions out of those there are.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition" (Qeios). ``training``
trains the VAE-GAN of a recipe; ``covariance`` holds how the encodings of each class vary; ``sampling`` moves an
encoding within its class and decodes it; ``measuring`` and ``sheets`` show what became of it.
"""
