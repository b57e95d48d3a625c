"""How much the loss rises around a net: worst, average and most cases, sharpness by Hessian, norms. Knows no axis and no file."""
