"""What is measured: a net, its data and its loss on a device. Knows no axis and no grid."""
