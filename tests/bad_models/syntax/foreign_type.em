model M
param mu : vector[D]
