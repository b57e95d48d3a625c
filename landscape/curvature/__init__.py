"""Second derivatives of the loss: products, extreme eigenvalues, spectra. Named for what it is about."""
